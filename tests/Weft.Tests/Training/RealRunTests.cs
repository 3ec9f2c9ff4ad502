using Weft.Methods;
using Weft.Models;
using Weft.Nn;
using Weft.Tests.Checkpoints;
using Weft.Training;

namespace Weft.Tests.Training;

public sealed class RealRunTests
{
    [Fact]
    public void Full_fine_tuning_of_a_real_model_follows_the_reference_step_by_step()
    {
        var rules = Golden.Json("run", "case.json");
        var tensors = Golden.Tensors("run", "tensors.safetensors");
        using var model = Pretrained.Load(SharedData.Path("assets", "stories260K", "hf"));
        using var adapters = new FullConfig().AttachTo(model);
        var options = new TrainOptions { Steps = 6, Accumulation = 2, LearningRate = 0.002, WarmupSteps = 2, WeightDecay = 0.1, ClipNorm = 0.5 };
        using var state = new TrainingState(adapters, options, 12);
        var steps = Toy.Walk(state, (_, skip) => Batches(tensors).Skip(skip), b => model.Loss(b.Input, b.Labels), b => b.Facts).ToList();
        var expected = rules.GetProperty("trace").EnumerateArray().ToList();
        Assert.Equal(expected.Count, steps.Count);
        foreach (var (step, row) in steps.Zip(expected))
        {
            // the reference's own tolerances: 1e-4 for losses, 1e-3 for norms and weights after six steps, all relative
            Assert.Equal(row.GetProperty("loss").GetDouble(), step.Loss, 1e-4 * step.Loss);
            Assert.Equal(row.GetProperty("grad_norm").GetDouble(), step.GradientNorm, 1e-3 * step.GradientNorm);
            Assert.Equal(row.GetProperty("lr").GetDouble(), step.LearningRate, 1e-12);
            Assert.Equal(row.GetProperty("tokens").GetInt64(), step.SupervisedTokens);
        }
        var trained = adapters.Parameters.ToDictionary(p => p.Key, p => p.Value);
        foreach (var (name, after) in tensors.Where(t => t.Key.StartsWith("after.", StringComparison.Ordinal)))
            Golden.Close(after, trained.Single(t => t.Key.EndsWith(name[6..], StringComparison.Ordinal)).Value, 1e-3, name);
    }

    [Fact]
    public void An_adapter_with_dropout_resumes_with_the_same_bits_and_leaves_no_tensor_behind()
    {
        var tensors = Golden.Tensors("run", "tensors.safetensors");
        var options = new TrainOptions { Epochs = 3, Accumulation = 2, LearningRate = 0.01 };
        var config = new LoraConfig { Rank = 4, Dropout = 0.3, TargetModules = new("q_proj", "v_proj") };
        using var temporary = new TemporaryFolder();
        var folder = new StateFolder(temporary.File("state"));

        using var model = Pretrained.Load(SharedData.Path("assets", "stories260K", "hf"));
        random.manual_seed(3);
        using var whole = config.AttachTo(model);
        using var state = new TrainingState(whole, options, 12);
        var losses = new List<double>();
        var counts = new List<long>();
        LiveTensors.Settled();
        foreach (var step in Toy.Walk(state, (_, skip) => Batches(tensors).Skip(skip), b => model.Loss(b.Input, b.Labels), b => b.Facts))
        {
            if (step.Index == 8) folder.Save(state, "run");
            losses.Add(step.Loss);
            counts.Add(Tensor.TotalCount);
            Assert.All(whole.Places, p => Assert.False(p.Adapter.training)); // so that an evaluation between steps has no dropout
        }
        Assert.Equal(counts[1], counts[^1]);

        using var other = Pretrained.Load(SharedData.Path("assets", "stories260K", "hf"));
        using var again = config.AttachTo(other);
        using var resumed = new TrainingState(again, options, 12);
        Assert.Equal(8, folder.Restore(resumed, "run")!.Step);
        Assert.Equal(losses.Skip(8), Toy.Walk(resumed, (_, skip) => Batches(tensors).Skip(skip), b => other.Loss(b.Input, b.Labels), b => b.Facts).Select(s => s.Loss));
        foreach (var ((_, expected), (_, actual)) in whole.Parameters.Zip(again.Parameters)) Golden.SameBits(expected, actual);
    }

    private static IEnumerable<Micro> Batches(Dictionary<string, Tensor> tensors)
    {
        for (var update = 0; update < 6; update++)
            for (var part = 0; part < 2; part++)
            {
                Tensor Of(string name)
                {
                    using var scope = NewDisposeScope();
                    return tensors[name][update][part].clone().MoveToOuterDisposeScope();
                }

                var (ids, mask, labels) = (Of("input_ids"), Of("attention_mask"), Of("labels"));
                yield return new Micro(new TokenInput(ids, mask), labels, FactsOf(mask, labels, update * 4 + part * 2));
            }
    }

    private static BatchFacts FactsOf(Tensor mask, Tensor labels, long row)
    {
        using var scope = NewDisposeScope();
        var supervised = labels.narrow(1, 1, labels.shape[1] - 1).ge(0).sum().item<long>(); // the first label has nothing to be predicted from
        return new BatchFacts([row, row + 1], mask.sum().item<long>(), supervised);
    }

    private sealed record Micro(TokenInput Input, Tensor Labels, BatchFacts Facts) : IDisposable
    {
        public void Dispose()
        {
            Input.Ids.Dispose();
            Input.Mask!.Dispose();
            Labels.Dispose();
        }
    }
}
