using Weft.Adapters;
using Weft.Training;

namespace Weft.Tests.Training;

/// <summary>A small regression with dropout: y = W₂ dropout(tanh(W₁x + b)), squared error summed over the targets that count.</summary>
internal sealed class Toy
{
    public const int Rows = 24;

    private readonly Tensor x;
    private readonly Tensor y;
    private readonly Tensor counts;

    public Toy(double dropout = 0.2)
    {
        Dropout = dropout;
        using var generator = new Generator(7);
        W1 = new Parameter((randn(6, 5, generator: generator) * 0.4f).DetachFromDisposeScope());
        Bias = new Parameter(zeros(6));
        W2 = new Parameter((randn(4, 6, generator: generator) * 0.4f).DetachFromDisposeScope());
        x = randn(Rows, 5, generator: generator);
        y = x.matmul(randn(5, 4, generator: generator)).sin();
        // rows supervise 1 to 4 of their numbers
        counts = arange(4).unsqueeze(0).le((arange(Rows) % 4).unsqueeze(1)).to(float32);
    }

    public double Dropout { get; init; }

    public Parameter W1 { get; }

    public Parameter Bias { get; }

    public Parameter W2 { get; }

    public OptimizerGroup[] Groups => [new([("w1", W1), ("bias", Bias)]), new([("w2", W2)], RateFactor: 2)];

    public IEnumerable<(string Key, Parameter Value)> Parameters => Groups.SelectMany(g => g.Tensors);

    /// <summary>Batches of so many rows in an order that depends on the pass alone.</summary>
    public static Func<int, int, IEnumerable<long[]>> Batches(int size) => (epoch, skip) =>
        Enumerable.Range(0, Rows).Select(r => (long)((r * 7 + epoch * 5) % Rows)).Chunk(size).Skip(skip);

    /// <summary>Takes the numbers of another toy.</summary>
    public Toy Adopt(Toy other)
    {
        using var frozen = no_grad();
        foreach (var ((_, mine), (_, its)) in Parameters.Zip(other.Parameters)) mine.copy_(its);
        return this;
    }

    public Tensor SummedLoss(long[] rows)
    {
        using var scope = NewDisposeScope();
        var at = tensor(rows);
        var hidden = nn.functional.linear(x.index_select(0, at), W1, Bias).tanh();
        var error = nn.functional.linear(nn.functional.dropout(hidden, Dropout, training: true), W2) - y.index_select(0, at);
        return (error * error * counts.index_select(0, at)).sum().MoveToOuterDisposeScope();
    }

    public static BatchFacts Facts(long[] rows) => new(rows, rows.Length * 4, rows.Sum(r => r % 4 + 1));

    public TrainingState NewState(TrainOptions options, int batchSize, params (string, IUpdates)[] updates) => new(Groups, options, (Rows + batchSize - 1) / batchSize, updates);

    public IEnumerable<Step> Steps(TrainingState state, int batchSize) => Walk(state, Batches(batchSize), SummedLoss, Facts);

    public IEnumerable<Step> StepsUntil(TrainingState state, int batchSize, CancellationToken cancellation) =>
        Train.Steps(state, Batches(batchSize), SummedLoss, Facts, cancellation);

    public static IEnumerable<Step> Walk<TBatch>(
        TrainingState state, Func<int, int, IEnumerable<TBatch>> epoch, Func<TBatch, Tensor> summedLoss, Func<TBatch, BatchFacts> facts) =>
        Train.Steps(state, epoch, summedLoss, facts, TestContext.Current.CancellationToken);
}
