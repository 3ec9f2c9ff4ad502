using Weft.Adapters;

namespace Weft.Evaluation;

/// <summary>Takes the adapters of a model out of training mode, and puts back those that were in it when disposed.</summary>
internal sealed class EvaluationMode : IDisposable
{
    private readonly List<Adapter> training;

    public EvaluationMode(BaseModel model)
    {
        training = [.. model.Adapters.Values.SelectMany(s => s.Places).Select(p => p.Adapter).Where(a => a.training)];
        foreach (var adapter in training) adapter.eval();
    }

    public void Dispose()
    {
        foreach (var adapter in training) adapter.train();
    }
}
