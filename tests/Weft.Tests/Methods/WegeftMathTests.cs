using Weft.Adapters;
using Weft.Methods;
using Weft.Nn;
using Weft.Tests.Adapters;

namespace Weft.Tests.Methods;

/// <summary>WeGeFT's formula at one linear module: golden/wegeft math-vector, math-merge, math-fused-qkv.</summary>
public sealed class WegeftMathTests
{
    [Fact]
    public void The_vector_that_can_be_checked_by_hand_comes_out()
    {
        var (linear, set) = Single(
            tensor(new[,] { { .5, -1, .25, 2 }, { 1, 0, -.5, .75 }, { -.25, .5, 1.5, -1 } }), tensor(new[] { .1, -.2, .3 }), new WegeftConfig { Rank = 2, Alpha = 4 },
            ("phi", tensor(new[,] { { .1, -.2, .3, 0 }, { .05, .4, -.1, .2 } })), ("psi", tensor(new[,] { { .2, .1, -.3, .5 }, { -.4, .25, .15, .1 } })));
        var x = tensor(new[,] { { 1, 2, -1, .5 }, { -.5, .25, 3, 1 } }).requires_grad_();
        var y = linear.Forward(x);
        Near(y, new[,] { { -.0325, 1.58, -.3325 }, { 2.04125, -.99625, 3.4771875 } });
        (y * tensor(new[,] { { 1, -1, .5 }, { .25, 2, -.75 } })).sum().backward();
        Near(x.grad!, new[,] { { -.145, -.808125, 1.078125, 1.22125 }, { 1.71, -.366562, -1.718437, 2.611875 } });
        Near(Factor(set, "phi").grad!, new[,] { { -3.384375, -.83125, 4.809375, -1.1875 }, { 3.757812, -1.015625, -3.351562, 4.46875 } });
        Near(Factor(set, "psi").grad!, new[,] { { 1.3375, 2.01875, -2.65, .0125 }, { -1.284375, -1.014063, 4.39375, .9125 } });
        using var _ = no_grad();
        Near(set.Places[0].Adapter.Changes(linear)["weight"], new[,] { { .13, .065, -.195, .325 }, { -.22, .115, .105, 0 }, { .26, -.01625, -.24375, .2925 } });
        Near(set.Places[0].Adapter.AsLowRank(linear)!.B, new[,] { { .325, 0 }, { -.05, .25 }, { .325, -.1625 } });
    }

    [Theory, InlineData(""), InlineData("output_side.")]
    public void Both_sides_equal_the_reference_in_float64(string side)
    {
        using var golden = new GoldenCase("wegeft", "math-vector");
        Tensor In(string key) => golden.Inputs.Read(key);
        var rank = In($"{side}phi").shape[0];
        var config = new WegeftConfig { Rank = (int)rank, Alpha = golden.Facts.GetProperty("s").GetDouble() * rank, TransformDim = new Dictionary<string, string> { ["w"] = side.Length > 0 ? "output" : "input" } };
        var (linear, set) = Single(In("w"), In("b"), config, ("phi", In($"{side}phi")), ("psi", In($"{side}psi")));
        var x = In("x").clone().requires_grad_();
        var y = linear.Forward(x);
        Closeness.Check("y", y, golden.Expected($"{side}y"), 1e-12);
        var changes = set.Places[0].Adapter.Changes(linear);
        if (side.Length > 0)
        {
            Closeness.Check("merged", linear.Weight + changes["weight"], golden.Expected("output_side.merged"), 1e-12);
            Closeness.Check("merged_bias", linear.Bias! + changes["bias"], golden.Expected("output_side.merged_bias"), 1e-12);
            var back = set.Places[0].Adapter.Unmerged(linear, changes.ToDictionary(c => c.Key, c => c.Value + (c.Key == "bias" ? linear.Bias! : linear.Weight)));
            Closeness.Check("unmerged", back["weight"], linear.Weight, 1e-12);
            Closeness.Check("unmerged bias", back["bias"], linear.Bias!, 1e-12);
            return;
        }
        (y * In("G")).sum().backward();
        Closeness.Check("delta", changes["weight"], golden.Expected("delta"), 1e-12);
        Closeness.Check("B", set.Places[0].Adapter.AsLowRank(linear)!.B, golden.Expected("B"), 1e-12);
        Closeness.Check("grad.x", x.grad!, golden.Expected("grad.x"), 1e-12);
        foreach (var factor in new[] { "phi", "psi" }) Closeness.Check(factor, Factor(set, factor).grad!, golden.Expected($"grad.{factor}"), 1e-12);
    }

    [Theory, InlineData("0"), InlineData("1"), InlineData("2"), InlineData("3")]
    public void Merging_and_its_closed_form_inverse_equal_the_reference_in_both_precisions(string number)
    {
        using var golden = new GoldenCase("wegeft", "math-merge");
        foreach (var type in new[] { float64, float32 })
        {
            Tensor In(string key) => golden.Inputs.Read($"{number}.{key}").to(type);
            var rank = In("phi").shape[0];
            var alpha = golden.Facts.GetProperty("cases").GetProperty(number).GetProperty("s").GetDouble() * rank;
            var (linear, set) = Single(In("w"), null, new WegeftConfig { Rank = (int)rank, Alpha = alpha }, ("phi", In("phi")), ("psi", In("psi")));
            using var _ = no_grad();
            var tolerance = golden.Tolerance(type == float64 ? "fp64" : "fp32", 0);
            Closeness.Check("y", linear.Forward(In("x")), golden.Expected($"{number}.y"), type == float64 ? tolerance : 1e-5);
            var merged = linear.Weight + set.Places[0].Adapter.Changes(linear)["weight"];
            Closeness.Check("merged", merged, golden.Expected(type == float64 ? $"{number}.merged" : $"{number}.merged_fp32"), type == float64 ? tolerance : 1e-6);
            var back = set.Places[0].Adapter.Unmerged(linear, new Dictionary<string, Tensor> { ["weight"] = merged })["weight"];
            Closeness.Check("unmerged", back, golden.Expected($"{number}.unmerged"), tolerance);
            Closeness.Check("unmerged", back, linear.Weight, tolerance);
        }
    }

    [Theory, InlineData("own"), InlineData("all"), InlineData("one"), InlineData("one_off")]
    public void Slices_of_a_fused_projection_have_pairs_of_their_own(string name)
    {
        using var golden = new GoldenCase("wegeft", "math-fused-qkv");
        Tensor In(string key) => golden.Inputs.Read(key).clone();
        var slices = golden.Facts.GetProperty("slices").GetProperty(name).EnumerateArray().Select(s => s.GetString()).ToList();
        var pairs = slices.OfType<string>().Distinct().ToList();
        var config = new WegeftConfig { Rank = 4, Alpha = 4 * golden.Facts.GetProperty("s").GetDouble(), Slices = new Dictionary<string, IReadOnlyList<string?>> { ["w"] = slices } };
        var (linear, set) = Single(In("w"), In("bias"), config,
            [.. pairs.SelectMany(p => new[] { ($"{p}.wegeft_phi", In($"{name}.{p}.phi")), ($"{p}.wegeft_psi", In($"{name}.{p}.psi")) })]);
        var x = In("x").requires_grad_();
        var y = linear.Forward(x);
        Closeness.Check("y", y, golden.Expected($"{name}.y"), 1e-5);
        (y * In("G")).sum().backward();
        Closeness.Check("grad.x", x.grad!, golden.Expected($"{name}.grad.x"), 1e-4);
        foreach (var pair in pairs)
            foreach (var factor in new[] { "phi", "psi" })
                Closeness.Check($"{pair}.{factor}", Factor(set, $"{pair}.wegeft_{factor}").grad!, golden.Expected($"{name}.grad.{pair}.{factor}"), 1e-4);
        using var _ = no_grad();
        var change = set.Places[0].Adapter.Changes(linear)["weight"];
        Closeness.Check("delta", change, golden.Expected($"{name}.delta"), 1e-5);
        Closeness.Check("unmerged", set.Places[0].Adapter.Unmerged(linear, new Dictionary<string, Tensor> { ["weight"] = linear.Weight + change })["weight"], linear.Weight, 1e-5);
        var pair_ = set.Places[0].Adapter.AsLowRank(linear)!;
        Closeness.Check("B A", pair_.B.mm(pair_.A) * (pair_.Alpha / pair_.A.shape[0]), change, 1e-5);
    }

    private static (Linear Host, AdapterSet Set) Single(Tensor weight, Tensor? bias, WegeftConfig config, params IReadOnlyList<(string Part, Tensor Value)> values)
    {
        var host = new Linear(new BaseTensor("w.weight", weight.clone()), bias is null ? null : new BaseTensor("w.bias", bias.clone()));
        var set = (config with { TargetModules = new Targets("w") }).AttachTo(new TinyModel(new Site("w", host, SiteRole.Other)));
        foreach (var place in set.Places) place.Adapter.to(weight.dtype);
        using var _ = no_grad();
        foreach (var (part, value) in values) Factor(set, part).copy_(value);
        return (host, set);
    }

    private static Parameter Factor(AdapterSet set, string part) => set.Parameters.Single(p => p.Key.Contains(part, StringComparison.Ordinal)).Value;

    private static void Near(Tensor actual, double[,] expected) => Closeness.Check("hand", actual, tensor(expected), 2e-7); // the vector is printed with six decimals
}
