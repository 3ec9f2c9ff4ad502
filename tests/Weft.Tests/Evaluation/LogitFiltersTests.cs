using FsCheck;
using FsCheck.Fluent;
using Weft.Checkpoints;
using Weft.Evaluation;

namespace Weft.Tests.Evaluation;

/// <summary>Filters equal the reference's to 1e-6, which is its own tolerance; which of equal logits top-p keeps is not decided, only how many.</summary>
public sealed class LogitFiltersTests
{
    private static readonly Dictionary<string, Func<Tensor, Tensor, Tensor>> cases = new()
    {
        ["temperature_0.1"] = (l, _) => LogitFilters.Temperature(l, 0.1),
        ["temperature_0.7"] = (l, _) => LogitFilters.Temperature(l, 0.7),
        ["temperature_1.0"] = (l, _) => LogitFilters.Temperature(l, 1.0),
        ["temperature_2.0"] = (l, _) => LogitFilters.Temperature(l, 2.0),
        ["top_k_1"] = (l, _) => LogitFilters.TopK(l, 1),
        ["top_k_5"] = (l, _) => LogitFilters.TopK(l, 5),
        ["top_k_50"] = (l, _) => LogitFilters.TopK(l, 50),
        ["top_k_1000"] = (l, _) => LogitFilters.TopK(l, 1000),
        ["top_k_3_keep_5"] = (l, _) => LogitFilters.TopK(l, 3, keep: 5),
        ["top_p_0.1"] = (l, _) => LogitFilters.TopP(l, 0.1),
        ["top_p_0.5"] = (l, _) => LogitFilters.TopP(l, 0.5),
        ["top_p_0.9"] = (l, _) => LogitFilters.TopP(l, 0.9),
        ["top_p_0.95"] = (l, _) => LogitFilters.TopP(l, 0.95),
        ["top_p_1.0"] = (l, _) => LogitFilters.TopP(l, 1.0),
        ["top_p_0.1_keep_3"] = (l, _) => LogitFilters.TopP(l, 0.1, keep: 3),
        ["min_p_0.01"] = (l, _) => LogitFilters.MinP(l, 0.01),
        ["min_p_0.05"] = (l, _) => LogitFilters.MinP(l, 0.05),
        ["min_p_0.3"] = (l, _) => LogitFilters.MinP(l, 0.3),
        ["min_p_1.0"] = (l, _) => LogitFilters.MinP(l, 1.0),
        ["repetition_1.1"] = (l, seen) => LogitFilters.RepetitionPenalty(l, seen, 1.1),
        ["repetition_1.5"] = (l, seen) => LogitFilters.RepetitionPenalty(l, seen, 1.5),
        ["repetition_0.8"] = (l, seen) => LogitFilters.RepetitionPenalty(l, seen, 0.8),
        ["chain_sampling"] = (l, seen) => new Sampling { RepetitionPenalty = 1.2, Temperature = 0.8, TopK = 10, TopP = 0.9 }.Filter(l, seen),
        ["chain_min_p"] = (l, _) => new Sampling { Temperature = 1.5, MinP = 0.1 }.Filter(l),
        ["chain_metamath"] = (l, _) => new Sampling { Temperature = 0.8, TopK = 50, TopP = 0.95 }.Filter(l),
    };

    public static TheoryData<string> Names => [.. cases.Keys];

    [Theory, MemberData(nameof(Names))]
    public void A_filter_gives_what_the_reference_gives(string name)
    {
        using var scope = NewDisposeScope();
        using var file = Checkpoint.Open(SharedData.Path("golden", "text", "generation", "processors", "tensors.safetensors"));
        foreach (var source in new[] { "real", "made" })
        {
            var logits = file.Read($"{source}.logits");
            var seen = zeros(logits.shape, dtype: ScalarType.Bool).scatter(1, file.Read($"{source}.history"), ones(file.Read($"{source}.history").shape, dtype: ScalarType.Bool));
            var (actual, expected) = (cases[name](logits, seen), file.Read($"{source}.after.{name}"));
            Assert.Equal(expected.isfinite().sum(1).data<long>().ToArray(), actual.isfinite().sum(1).data<long>().ToArray());
            var decided = source == "made" && (name.Contains("top_p", StringComparison.Ordinal) || name is "chain_metamath" or "chain_sampling") ? new long[] { 0, 3, 4, 5 } : [0, 1, 2, 3, 4, 5];
            var (a, e) = (actual.index_select(0, tensor(decided)), expected.index_select(0, tensor(decided)));
            Assert.True(a.isfinite().eq(e.isfinite()).all().item<bool>(), $"{source}: other tokens are ruled out");
            Closeness.Check($"{source}.{name}", a.nan_to_num(neginf: 0), e.nan_to_num(neginf: 0), 1e-6);
        }
    }

    [Fact]
    public void Top_p_keeps_the_smallest_set_that_has_the_mass() => Check.QuickThrowOnFailure(Prop.ForAll(Logits, Shares, (logits, p) =>
    {
        using var scope = NewDisposeScope();
        var kept = LogitFilters.TopP(tensor(logits).unsqueeze(0), p)[0].isfinite().data<bool>().ToArray();
        var probabilities = tensor(logits).to(float64).softmax(0).data<double>().ToArray();
        var mass = probabilities.Where((_, i) => kept[i]).Sum();
        var least = probabilities.Where((_, i) => kept[i]).Min();
        const double Rounding = 1e-5; // the cumulated sum is in float32
        Assert.Contains(true, kept);
        Assert.True(mass >= p - Rounding, $"keeps {mass} of {p}");
        Assert.True(kept.Count(k => k) == 1 || mass - least < p + Rounding, $"{mass} without {least} is enough for {p}");
        Assert.True(probabilities.Where((_, i) => !kept[i]).All(o => o <= least), "a token more probable than a kept one is ruled out");
    }));

    [Fact]
    public void Min_p_keeps_what_is_probable_enough_beside_the_best() => Check.QuickThrowOnFailure(Prop.ForAll(Logits, Shares, (logits, p) =>
    {
        using var scope = NewDisposeScope();
        var kept = LogitFilters.MinP(tensor(logits).unsqueeze(0), p)[0].isfinite().data<bool>().ToArray();
        var largest = logits.Max();
        for (var i = 0; i < logits.Length; i++)
        {
            var share = Math.Exp(logits[i] - largest);
            if (Math.Abs(share - p) > 1e-5) Assert.Equal(share > p, kept[i]);
        }
        Assert.True(kept[Array.IndexOf(logits, largest)]);
    }));

    [Fact]
    public void Top_k_keeps_the_largest_and_all_that_tie() => Check.QuickThrowOnFailure(Prop.ForAll(Logits, Gen.Choose(1, 12).ToArbitrary(), (logits, k) =>
    {
        using var scope = NewDisposeScope();
        var kept = LogitFilters.TopK(tensor(logits).unsqueeze(0), k)[0].isfinite().data<bool>().ToArray();
        var least = logits.OrderDescending().ElementAt(Math.Min(k, logits.Length) - 1);
        Assert.Equal(logits.Select(l => l >= least), kept);
    }));

    [Fact]
    public void A_low_temperature_draws_the_most_probable_token_and_a_high_one_any()
    {
        using var scope = NewDisposeScope();
        var logits = tensor(new[] { 1f, 3f, 2f, -1f }).unsqueeze(0);
        var cold = Enumerable.Range(0, 200).Select(step => new Sampling { Temperature = 0.01 }.Choose(logits, [0], step)[0]).Distinct();
        var hot = Enumerable.Range(0, 200).Select(step => new Sampling { Temperature = 1000 }.Choose(logits, [0], step)[0]).Distinct();
        Assert.Equal([1L], cold);
        Assert.Equal([0L, 1, 2, 3], hot.Order());
    }

    [Fact]
    public void A_share_outside_0_to_1_is_refused_with_its_value()
    {
        using var logits = zeros(1, 4);
        Assert.StartsWith("p is 1.5; a share of the probability lies between 0 and 1.", Assert.Throws<ArgumentOutOfRangeException>(() => LogitFilters.TopP(logits, 1.5)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => LogitFilters.MinP(logits, double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => LogitFilters.TopK(logits, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => LogitFilters.Temperature(logits, 0));
    }

    // Few distinct values, so that some tie.
    private static Arbitrary<float[]> Logits => Gen.Choose(-12, 12).Select(n => n / 2f).ArrayOf().Where(a => a.Length > 0).ToArbitrary();

    private static Arbitrary<double> Shares => Gen.Choose(1, 99).Select(n => n / 100.0).ToArbitrary();
}
