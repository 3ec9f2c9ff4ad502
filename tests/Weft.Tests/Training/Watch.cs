using Weft.Adapters;

namespace Weft.Tests.Training;

/// <summary>Looks on around each update, and counts the updates in a tensor that has to survive a resume.</summary>
internal sealed class Watch(Action<long> before, Action<long> after) : IUpdates
{
    public Tensor Count { get; } = zeros(1, dtype: int64);

    public void BeforeUpdate(long step, long total) => before(step);

    public void AfterUpdate(long step, long total)
    {
        Count.add_(1);
        after(step);
    }

    public IEnumerable<(string Name, Tensor Value)> State() => [("count", Count)];

    public void Restore(IReadOnlyDictionary<string, Tensor> state) => Count.copy_(state["count"]);
}
