using FsCheck.Fluent;
using Weft.Cli.Verification;

namespace Weft.Tests.Cli.Verification;

/// <summary>What names mean.</summary>
public sealed class QuantityTests
{
    private static readonly string[] runs = ["", "right", "left", "a.b"];

    [Theory]
    [InlineData("logits", "Loaded", "", "Logits", "")]
    [InlineData("right.loss", "Loaded", "right", "Loss", "")]
    [InlineData("a.b.hidden.12", "Loaded", "a.b", "Hidden", "")]
    [InlineData("base_logits", "Base", "", "Logits", "")]
    [InlineData("base.right.logits", "Base", "right", "Logits", "")]
    [InlineData("right.base_logits", "Base", "right", "Logits", "")]
    [InlineData("merged.logits", "Merged", "", "Logits", "")]
    [InlineData("merged_loss", "Merged", "", "Loss", "")]
    [InlineData("merged.model.norm.weight", "Merged", null, "Weight", "model.norm.weight")]
    [InlineData("delta.model.norm.weight", "Merged", null, "Change", "model.norm.weight")]
    [InlineData("grad.lm_head.weight", "Loaded", null, "Gradient", "lm_head.weight")]
    [InlineData("left.grad.lm_head.weight", "Loaded", "left", "Gradient", "lm_head.weight")]
    [InlineData("generate.ids", "Loaded", "generate", "Ids", "")]
    [InlineData("base.generate.ids", "Base", "generate", "Ids", "")]
    public void A_name_says_weights_run_and_kind(string name, string state, string? run, string kind, string key)
    {
        var quantity = Quantity.Parse(name, runs)!;
        Assert.Equal((state, run, kind, key), (quantity.State.ToString(), quantity.Run, quantity.Kind.ToString(), quantity.Key));
    }

    [Theory]
    [InlineData("trace.loss"), InlineData("final.logits"), InlineData("final_logits"), InlineData("generate_eos.ids"), InlineData("generate.logprobs"), InlineData("hidden.-1")]
    [InlineData("logits.default"), InlineData("b1.logits"), InlineData("left_without_position_ids.logits"), InlineData("heldout.before"), InlineData("grad."), InlineData("greedy.ids")]
    public void Other_names_are_none_and_say_why(string name)
    {
        Assert.Null(Quantity.Parse(name, runs));
        Assert.NotEmpty(Quantity.WhyUnknown(name));
    }

    [Fact]
    public void A_run_that_is_called_base_is_a_run()
    {
        Assert.Equal(("base", WeightState.Loaded), (Quantity.Parse("base.logits", ["base"])!.Run, Quantity.Parse("base.logits", ["base"])!.State));
        Assert.Equal(WeightState.Base, Quantity.Parse("base_logits", ["base", ""])!.State);
    }

    [Fact]
    public void The_ids_of_a_run_called_generate_are_generated() => Assert.Equal(QuantityKind.Ids, Quantity.Parse("generate.ids", ["generate"])!.Kind);

    [Fact]
    public void Any_text_is_a_name_or_gets_a_reason() => FsCheck.Check.QuickThrowOnFailure(Prop.ForAll(
        ArbMap.Default.ArbFor<FsCheck.NonNull<string>>(), text => Quantity.Parse(text.Get, runs) is not null || Quantity.WhyUnknown(text.Get).Length > 0));
}
