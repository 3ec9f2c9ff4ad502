using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Methods;
using Weft.Models;
using Weft.Nn;

namespace Weft.Tests.Methods;

/// <summary>Trained numbers and shares of large models as the papers of WeGeFT (arXiv 2312.00700), DoRA and PEFT print them; the models are shapes without memory.</summary>
public sealed class PublishedCountsTests
{
    private const string Qkvud = "q_proj k_proj v_proj up_proj down_proj";
    private const string All = Qkvud + " o_proj gate_proj";

    [Theory]
    [InlineData("7B", "q_proj v_proj", 64, 1_048_576, .01556)]
    [InlineData("7B", "o_proj", 128, 1_048_576, .01556)]
    [InlineData("7B", Qkvud, 64, 3_506_176, .05203)]
    [InlineData("7B", "q_proj v_proj", 16, 262_144, .00389)]
    [InlineData("7B", "q_proj v_proj", 128, 2_097_152, .03112)]
    [InlineData("8B", "q_proj v_proj", 64, 1_048_576, .01306)]
    [InlineData("8B", "o_proj", 128, 1_048_576, .01306)]
    [InlineData("8B", Qkvud, 64, 3_932_160, .04897)]
    [InlineData("7B", All, 64, 4_554_752, .06759)]
    [InlineData("8B", All, 64, 4_980_736, .06202)]
    [InlineData("13B", "q_proj v_proj", 64, 1_310_720, .01007)]
    [InlineData("13B", Qkvud, 64, 4_390_912, .03374)]
    [InlineData("13B", All, 64, 5_701_632, .04381)]
    public void WeGeFT_trains_one_pair_a_type(string model, string targets, int rank, long trained, double percentOfBase) =>
        Check(model, new WegeftConfig { Rank = rank, TargetModules = new Targets(targets.Split(' ')) }, trained, e => e.PercentOfBase, percentOfBase);

    [Theory]
    [InlineData("7B", Qkvud, 8, 14_024_704, .208)]
    [InlineData("7B", "q_proj v_proj", 64, 33_554_432, .498)]
    [InlineData("7B", Qkvud, 64, 112_197_632, 1.665)]
    public void WeGeFT_trains_one_pair_a_module_where_asked(string model, string targets, int rank, long trained, double percentOfBase) =>
        Check(model, new WegeftConfig { Rank = rank, Sharing = "module", TargetModules = new Targets(targets.Split(' ')) }, trained, e => e.PercentOfBase, percentOfBase);

    [Theory]
    [InlineData("7B", Qkvud, 32, 56_098_816, .8256)]
    [InlineData("8B", Qkvud, 32, 56_623_104, .7002)]
    public void LoRA_counts_its_share_of_base_and_adapter(string model, string targets, int rank, long trained, double percentOfAll) =>
        Check(model, new LoraConfig { Rank = rank, TargetModules = new Targets(targets.Split(' ')) }, trained, e => e.PercentOfAll, percentOfAll);

    [Theory]
    [InlineData("7B", Qkvud, 16, 28_049_408, .4163)]
    [InlineData("7B", "q_proj v_proj", 16, 8_388_608, .1245)]
    public void LoRA_counts_its_share_of_the_base_too(string model, string targets, int rank, long trained, double percentOfBase) =>
        Check(model, new LoraConfig { Rank = rank, TargetModules = new Targets(targets.Split(' ')) }, trained, e => e.PercentOfBase, percentOfBase);

    private static void Check(string name, PeftConfig config, long trained, Func<PlanEstimate, double> percent, double expected)
    {
        using var model = Shapes(name);
        var estimate = config.Plan(model).Estimate(1);
        Assert.Equal(trained, estimate.Trainable);
        // The papers print three to five decimals; half a unit of the last is the rounding.
        var decimals = $"{(decimal)expected}".Split('.')[1].Length;
        Assert.Equal(expected, Math.Round(percent(estimate), decimals), 1e-9);
    }

    private static CausalModel Shapes(string name)
    {
        var (width, hidden, layers, heads, keyHeads, words, frozen) = name switch
        {
            "7B" => (4096, 11008, 32, 32, 32, 32_000, 6_738_415_616),
            "13B" => (5120, 13824, 40, 40, 40, 32_000, 13_015_864_320),
            _ => (4096, 14336, 32, 32, 8, 128_256, 8_030_261_248),
        };
        var config = new JsonObject
        {
            ["model_type"] = "llama",
            ["hidden_size"] = width,
            ["intermediate_size"] = hidden,
            ["num_hidden_layers"] = layers,
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = keyHeads,
            ["vocab_size"] = words,
            ["rms_norm_eps"] = 1e-5,
            ["max_position_embeddings"] = 4096,
        };
        var model = Architectures.Create(config, Weights.Shapes(), name);
        Assert.Equal(frozen, model.Tensors.Sum(t => t.Pretrained.numel()));
        return model;
    }
}
