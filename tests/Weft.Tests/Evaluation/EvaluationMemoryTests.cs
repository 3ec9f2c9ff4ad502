using Weft.Adapters;
using Weft.Evaluation;
using Weft.Methods;
using Weft.Nn;

namespace Weft.Tests.Evaluation;

/// <summary>Nothing that is evaluated leaves a tensor behind, and adapters come back into the mode they were in.</summary>
public sealed class EvaluationMemoryTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void A_cancelled_stream_leaves_no_tensor_and_the_adapters_as_they_were()
    {
        using var model = RandomModels.Make("plain");
        var adapters = new LoraConfig { TargetModules = new Targets("q_proj"), Dropout = 0.5 }.AttachTo(model);
        model.Train();
        using var cancelled = new CancellationTokenSource();
        var before = LiveTensors.Settled();
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var token in Generation.Stream(model, [RandomModels.Prompt(4), RandomModels.Prompt(6)], new GenerationOptions { MaxNewTokens = 50 }, cancelled.Token))
            {
                Assert.All(adapters.Places, p => Assert.False(p.Adapter.training));
                if (token.Row == 1) cancelled.Cancel();
            }
        });
        foreach (var _ in Generation.Stream(model, [RandomModels.Prompt(4)], new GenerationOptions(), Cancel)) break; // left in the middle
        Assert.Equal(before, Tensor.TotalCount);
        Assert.All(adapters.Places, p => Assert.True(p.Adapter.training));
    }

    [Fact]
    public void A_hundred_decodes_leave_no_tensor()
    {
        using var model = RandomModels.Make("sliding");
        var options = new GenerationOptions { MaxNewTokens = 6, Sampling = new Sampling { Temperature = 1, TopK = 20, TopP = 0.9, MinP = 0.01, RepetitionPenalty = 1.1 }, StopTokens = [5, 6, 7, 8] };
        int[][] prompts = [RandomModels.Prompt(4), RandomModels.Prompt(9), RandomModels.Prompt(2)];
        Generation.Run(model, prompts, options, Cancel);
        var before = LiveTensors.Settled();
        for (var i = 0; i < 100; i++) Generation.Run(model, prompts, options, Cancel);
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Held_out_loss_leaves_dropout_out_and_the_model_as_it_was()
    {
        using var model = RandomModels.Make("plain");
        using var adapters = new LoraConfig { TargetModules = Targets.Matching("all-linear"), Dropout = 0.5, InitLoraWeights = "false" }.AttachTo(model);
        model.Train();
        IReadOnlyList<(IReadOnlyList<int>, IReadOnlyList<int>)> rows = [.. new[] { 7, 3, 12 }.Select(n => ((IReadOnlyList<int>)RandomModels.Prompt(n), (IReadOnlyList<int>)RandomModels.Prompt(n)))];
        var before = LiveTensors.Settled();
        var loss = Perplexity.Of(model, rows, cancellation: Cancel).Nats;
        Assert.Equal(loss, Perplexity.Of(model, rows, cancellation: Cancel).Nats);
        Assert.Equal(before, Tensor.TotalCount);
        Assert.All(adapters.Places, p => Assert.True(p.Adapter.training));
    }

    [Fact]
    public void Batches_are_disposed_when_they_have_been_used_and_when_it_is_cancelled()
    {
        using var model = RandomModels.Make("plain");
        using var cancelled = new CancellationTokenSource();
        var before = LiveTensors.Settled();
        var made = 0;
        Assert.Throws<OperationCanceledException>(() => Perplexity.Of(model, Batches(), new Told(_ => cancelled.Cancel()), cancelled.Token));
        Assert.Equal(2, made);
        Assert.Equal(before, Tensor.TotalCount);

        IEnumerable<(TokenInput, Tensor)> Batches()
        {
            while (true)
            {
                made++;
                yield return (new TokenInput(ones(2, 5, dtype: int64)), ones(2, 5, dtype: int64));
            }
        }
    }

    [Fact]
    public void Choices_and_answers_leave_no_tensor()
    {
        using var model = RandomModels.Make("grouped");
        var before = LiveTensors.Settled();
        ChoiceAccuracy.Of(model, [(RandomModels.Prompt(4), 0), (RandomModels.Prompt(7), 1)], [5, 6], cancellation: Cancel);
        ExactMatch.Of(model, [(RandomModels.Prompt(4), "x"), (RandomModels.Prompt(7), "y")], new GenerationOptions { MaxNewTokens = 3, Decode = RandomModels.Letters }, 1, cancellation: Cancel);
        Assert.Equal(before, Tensor.TotalCount);
    }

    private sealed class Told(Action<int> tell) : IProgress<int>
    {
        public void Report(int value) => tell(value);
    }
}
