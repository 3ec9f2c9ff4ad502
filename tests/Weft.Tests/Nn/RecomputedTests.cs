using Weft.Adapters;
using Weft.Methods;
using Weft.Nn;
using Weft.Tests.Evaluation;

namespace Weft.Tests.Nn;

/// <summary>Gradient checkpointing changes memory and nothing else: the same operations give the same loss and gradients, bit for bit but for the order of sums (1e-6).</summary>
public sealed class RecomputedTests
{
    [Theory, InlineData(0.0, 0L), InlineData(0.4, 0L), InlineData(0.4, 24L * 4 * 512)]
    public void Recomputed_layers_give_the_loss_and_the_gradients_of_kept_ones(double dropout, long budget)
    {
        using var scope = NewDisposeScope();
        using var model = RandomModels.Make("grouped");
        var adapters = new LoraConfig { TargetModules = Targets.Matching("all-linear"), Dropout = dropout, InitLoraWeights = "false" }.AttachTo(model);
        model.Train();
        var ids = tensor(RandomModels.Prompt(24).Select(id => (long)id).ToArray()).view(2, 12);

        (double Loss, List<Tensor> Gradients) Step(bool recompute)
        {
            model.ActivationBudget = recompute ? budget : null;
            foreach (var (_, parameter) in adapters.Parameters) parameter.grad?.zero_();
            random.manual_seed(3);
            var loss = model.Loss(new TokenInput(ids), ids);
            loss.backward();
            return (loss.item<float>(), [.. adapters.Parameters.Select(p => p.Value.grad!.clone())]);
        }

        var kept = Step(recompute: false);
        var recomputed = Step(recompute: true);
        Assert.Equal(kept.Loss, recomputed.Loss);
        Assert.Contains(kept.Gradients, g => g.abs().max().item<float>() > 0);
        for (var i = 0; i < kept.Gradients.Count; i++) Closeness.Check($"{i}", recomputed.Gradients[i], kept.Gradients[i], 1e-6);
        if (dropout > 0) Assert.NotEqual(kept.Loss, WithoutDropout());

        double WithoutDropout()
        {
            model.Train(false);
            return model.Loss(new TokenInput(ids), ids).item<float>();
        }
    }

    [Fact]
    public void The_generator_stands_behind_a_step_where_it_stands_without_recomputation()
    {
        using var scope = NewDisposeScope();
        var x = ones(50, requires_grad: true);
        random.manual_seed(5);
        var kept = nn.functional.dropout(x, 0.5);
        kept.sum().backward();
        var (mask, next) = (x.grad!.clone(), rand(3));
        x.grad.zero_();
        random.manual_seed(5);
        Recomputed.Run(x, h => nn.functional.dropout(h, 0.5)).sum().backward();
        Closeness.Check("gradient", x.grad, mask, 0);
        Closeness.Check("next numbers", rand(3), next, 0);
    }
}
