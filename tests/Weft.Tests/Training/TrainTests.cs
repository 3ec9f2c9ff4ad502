using FsCheck;
using FsCheck.Fluent;
using Weft.Adapters;
using Weft.Data;
using Weft.Training;

namespace Weft.Tests.Training;

public sealed class TrainTests
{
    private static readonly TrainOptions options = new() { LearningRate = 0.02, Epochs = 30, WarmupSteps = 5, WeightDecay = 0.01 };

    [Theory]
    [InlineData("two")]
    [InlineData("four")]
    [InlineData("uneven")]
    public void Accumulation_over_tokens_equals_the_reference(string split)
    {
        var rules = Golden.Json("accumulation", "case.json");
        var tolerance = rules.GetProperty("tolerance").GetDouble();
        var tensors = Golden.Tensors("accumulation", "tensors.safetensors");
        var chunks = rules.GetProperty("chunks").GetProperty(split).EnumerateArray().Select(c => c.EnumerateArray().Select(r => r.GetInt64()).ToArray()).ToList();
        var weight = new Parameter(tensors["weight"].clone());
        var labels = tensors["labels"];
        Tensor? gradient = null;
        var watch = new Watch(_ => gradient = weight.grad!.clone().DetachFromDisposeScope(), _ => { });
        using var state = new TrainingState([new OptimizerGroup([("weight", weight)])], new TrainOptions { Accumulation = chunks.Count, ClipNorm = null }, chunks.Count, [("watch", watch)]);
        var step = Assert.Single(Toy.Walk(state, (_, skip) => chunks.Skip(skip),
            rows => nn.functional.cross_entropy(tensors["x"].index_select(0, tensor(rows)).matmul(weight.t()).view(-1, 9), labels.index_select(0, tensor(rows)).view(-1), ignore_index: -100, reduction: nn.Reduction.Sum),
            rows => new BatchFacts(rows, rows.Length * 7, labels.index_select(0, tensor(rows)).ge(0).sum().item<long>())));
        Assert.Equal(rules.GetProperty("losses").GetProperty($"{split}.tokens").GetDouble(), step.Loss, tolerance * 2.8);
        Golden.Close(tensors[$"grad.{split}.tokens"], gradient!, tolerance, split);
        Golden.Close(tensors["grad.whole"], gradient!, tolerance, "whole");
    }

    [Fact]
    public void Any_split_of_a_step_into_batches_moves_the_tensors_alike() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(20), Prop.ForAll(Gen.Choose(1, Toy.Rows).ToArbitrary(), size =>
    {
        // Sums over other splits are added in another order: equal to rounding, which Adam's first steps blow up where a gradient is next to 0.
        var (whole, split) = (new Toy { Dropout = 0 }, new Toy { Dropout = 0 });
        using var one = whole.NewState(options with { Epochs = 4, WarmupSteps = 3 }, Toy.Rows);
        using var many = split.NewState(options with { Epochs = 4, WarmupSteps = 3, Accumulation = (Toy.Rows + size - 1) / size }, size);
        var losses = whole.Steps(one, Toy.Rows).Zip(split.Steps(many, size)).ToList();
        Assert.Equal(4, losses.Count);
        Assert.All(losses, l => Assert.Equal(l.First.Loss, l.Second.Loss, 1e-5));
        Assert.All(losses, l => Assert.Equal(l.First.GradientNorm, l.Second.GradientNorm, 1e-4));
        Golden.Close(whole.W1, split.W1, 1e-4, "w1");
    }));

    [Fact]
    public void A_step_says_what_happened()
    {
        var toy = new Toy();
        using var state = toy.NewState(options with { Epochs = 2, Accumulation = 2 }, 5);
        var steps = toy.Steps(state, 5).ToList();
        Assert.Equal(6, state.TotalSteps);
        Assert.Equal([1, 2, 3, 4, 5, 6], steps.Select(s => s.Index));
        Assert.Equal([1, 1, 1, 2, 2, 2], steps.Select(s => s.Epoch));
        Assert.Equal([40L, 40, 16, 40, 40, 16], steps.Select(s => s.Tokens)); // 24 rows in batches of 5, 5 | 5, 5 | 4
        Assert.Equal(60, steps.Take(3).Sum(s => s.SupervisedTokens));
        Assert.Equal([0, 0.004, 0.008, 0.012, 0.016, 0.02], steps.Select(s => s.LearningRate), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.All(steps, s => Assert.Equal(s.SupervisedTokens / (double)s.Tokens, s.SupervisedShare));
        Assert.All(steps, s => Assert.True(s.GradientNorm > 0 && s.TokensPerSecond > 0));
        Assert.Equal((6, 2, 0), (state.Step, state.Epoch, state.Batch));
    }

    [Fact]
    public void A_run_learns()
    {
        var toy = new Toy { Dropout = 0 };
        using var state = toy.NewState(options, 6);
        var steps = toy.Steps(state, 6).ToList();
        Assert.Equal(120, steps.Count);
        Assert.True(steps[^1].Loss < 0.5 * steps[0].Loss, $"{steps[0].Loss} → {steps[^1].Loss}");
    }

    [Fact]
    public void Two_hundred_steps_leave_no_tensor_behind()
    {
        var toy = new Toy();
        using var state = toy.NewState(options with { Steps = 220, Accumulation = 2 }, 5);
        LiveTensors.Settled();
        var counts = toy.Steps(state, 5).Select(_ => Tensor.TotalCount).Skip(19).ToList();
        Assert.Equal(201, counts.Count);
        Assert.Equal(counts[0], counts[^1]);
    }

    [Fact]
    public void Batches_are_disposed_after_their_step_and_when_the_caller_leaves()
    {
        var toy = new Toy();
        var (made, disposed) = (0, 0);
        using var state = new TrainingState(toy.Groups, options with { Accumulation = 2 }, 6);
        IEnumerable<Held> Pass(int epoch, int skip)
        {
            foreach (var rows in Toy.Batches(4)(epoch, skip))
            {
                made++;
                yield return new Held(rows, () => disposed++);
            }
        }

        foreach (var step in Toy.Walk(state, Pass, h => toy.SummedLoss(h.Rows), h => Toy.Facts(h.Rows)))
        {
            Assert.Equal(made, disposed);
            if (step.Index == 4) break;
        }
        Assert.Equal(8, made);
    }

    [Fact]
    public void Batches_of_text_come_from_their_source()
    {
        // row i has i + 2 tokens, of which all but the first are predicted: Σ (i + 1) over six rows is 21
        var examples = Enumerable.Range(0, 6).Select(i => new Example([.. Enumerable.Range(1, i + 2)], [.. Enumerable.Range(1, i + 2)], i)).ToList();
        var source = new BatchSource(examples, new BatchOptions { BatchSize = 2 });
        var w = new Parameter(zeros(10));
        using var state = new TrainingState([new OptimizerGroup([("w", w)])], options with { Epochs = 2, WarmupSteps = 3, Accumulation = 2 }, source.BatchesPerEpoch);
        var steps = Train.Steps(state, source, b => w.log_softmax(0).neg().index_select(0, b.Labels[b.Labels.ge(0)]).sum(), TestContext.Current.CancellationToken).ToList();
        Assert.Equal([1, 1, 2, 2], steps.Select(s => s.Epoch));
        Assert.Equal(21, steps.Take(2).Sum(s => s.SupervisedTokens));
        Assert.Equal(27, steps.Take(2).Sum(s => s.Tokens));
        Assert.Equal(Math.Log(10), steps[0].Loss, 1e-6); // every id is as likely at first
    }

    [Fact]
    public void A_cancelled_run_ends_after_the_present_step()
    {
        var toy = new Toy();
        using var stop = new CancellationTokenSource();
        using var state = toy.NewState(options, 6);
        var taken = 0;
        foreach (var step in toy.StepsUntil(state, 6, stop.Token))
        {
            taken = step.Index;
            if (step.Index == 3) stop.Cancel();
        }
        Assert.Equal(3, taken);
        Assert.Equal(3, state.Step);
    }

    [Fact]
    public void What_works_around_updates_sees_gradients_before_and_moved_tensors_after()
    {
        var toy = new Toy();
        var order = new List<string>();
        var before = toy.W2.detach().clone();
        var watch = new Watch(
            i => order.Add($"before {i}: {(toy.W2.grad is null ? "no " : "")}gradient, {Moved()}"),
            i => order.Add($"after {i}: {(toy.W2.grad is null ? "no " : "")}gradient, {Moved()}"));
        using var state = toy.NewState(options with { Steps = 2, WarmupSteps = 0 }, 6, ("watch", watch));
        foreach (var _ in toy.Steps(state, 6)) Assert.Null(toy.W2.grad);
        Assert.Equal(["before 1: gradient, not moved", "after 1: gradient, moved", "before 2: gradient, moved", "after 2: gradient, moved"], order);

        string Moved() => toy.W2.detach().bytes.SequenceEqual(before.bytes) ? "not moved" : "moved";
    }

    [Fact]
    public void Vectors_do_not_decay_unless_they_are_told_to()
    {
        var groups = WeightDecay.OnMatricesOnly(new Toy().Groups);
        Assert.Equal(["w1: 1, True", "bias: 1, False", "w2: 2, True"], groups.Select(g => $"{string.Join(' ', g.Tensors.Select(t => t.Key))}: {g.RateFactor}, {g.Decays}"));
    }

    private sealed record Held(long[] Rows, Action OnDispose) : IDisposable
    {
        public void Dispose() => OnDispose();
    }
}
