namespace Weft.Evaluation;

/// <summary>How the next token is chosen: the most probable one, or one drawn from a filtered distribution.</summary>
/// <remarks>Filters act in the order of transformers/generation/utils.py: repetition penalty, temperature, top-k, top-p, min-p. Greedy choice heeds the penalty alone.</remarks>
public sealed record Sampling
{
    /// <summary>Always the most probable token; of equal ones the lowest id.</summary>
    public static Sampling Greedy { get; } = new();

    /// <summary>What logits are divided by; 0 chooses the most probable token.</summary>
    public double Temperature { get; init; }

    /// <summary>How many of the most probable tokens may be drawn; null for all.</summary>
    public int? TopK { get; init; }

    /// <summary>Mass of the most probable tokens that may be drawn, 0 to 1; null for all.</summary>
    public double? TopP { get; init; }

    /// <summary>Least probability of a token that may be drawn, as a share of the most probable one's, 0 to 1; null for 0.</summary>
    public double? MinP { get; init; }

    /// <summary>What the logits of tokens that have occurred in prompt or answer are divided by where positive, multiplied by where negative; null or 1 for nothing.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>Seed of what is drawn.</summary>
    public long Seed { get; init; }

    /// <summary>Whether nothing is drawn.</summary>
    public bool IsGreedy => Temperature == 0;

    /// <summary>The filtered logits that a token is drawn from.</summary>
    /// <param name="logits">(batch, vocabulary)</param>
    /// <param name="occurred">Which tokens have occurred in each row (batch, vocabulary), bool; read only with a repetition penalty.</param>
    /// <returns>(batch, vocabulary)</returns>
    /// <exception cref="ArgumentException">There is a repetition penalty and <paramref name="occurred"/> is null.</exception>
    public Tensor Filter(Tensor logits, Tensor? occurred = null)
    {
        ArgumentNullException.ThrowIfNull(logits);
        using var scope = NewDisposeScope();
        var left = logits.alias();
        if (RepetitionPenalty is { } penalty and not 1)
            left = LogitFilters.RepetitionPenalty(left, occurred ?? throw new ArgumentException($"repetition_penalty {penalty} needs to know which tokens have occurred.", nameof(occurred)), penalty);
        if (IsGreedy) return left.MoveToOuterDisposeScope();
        if (Temperature != 1) left = LogitFilters.Temperature(left, Temperature);
        if (TopK is { } k) left = LogitFilters.TopK(left, k);
        if (TopP is { } p and < 1) left = LogitFilters.TopP(left, p);
        if (MinP is { } m) left = LogitFilters.MinP(left, m);
        return left.MoveToOuterDisposeScope();
    }

    /// <summary>Chooses a token for each row.</summary>
    /// <param name="logits">(batch, vocabulary)</param>
    /// <param name="rows">Number of each row, which with the seed and the step decides what it draws.</param>
    /// <param name="step">How many tokens the answers have so far.</param>
    /// <param name="occurred">As in <see cref="Filter"/>.</param>
    /// <returns>An id per row.</returns>
    /// <remarks>
    /// <code>
    /// u = top 52 bits of mix(seed, row, step) / 2⁵²        mix: the finaliser of SplitMix64 over each in turn
    /// id = the first whose cumulated probability is above u, in the order of ids, in float64
    /// </code>
    /// So a draw depends on nothing that ran before, nor on the rows beside it.
    /// </remarks>
    public long[] Choose(Tensor logits, IReadOnlyList<int> rows, int step, Tensor? occurred = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var left = Filter(logits, occurred);
        if (IsGreedy) return [.. left.argmax(-1).data<long>()];
        var mass = left.to(ScalarType.Float64).softmax(-1).cumsum(-1);
        var draws = tensor(rows.Select(r => Uniform(Seed, r, step)).ToArray()).unsqueeze(1) * mass.narrow(-1, mass.shape[1] - 1, 1);
        return [.. mass.gt(draws).to(ScalarType.Int8).argmax(-1).data<long>()]; // argmax of 0 and 1 is the first 1
    }

    /// <summary>A number in [0, 1) that seed, row and step decide.</summary>
    internal static double Uniform(long seed, long row, long step) => (Mix(Mix(Mix((ulong)seed) ^ (ulong)row) ^ (ulong)step) >> 12) * (1.0 / (1UL << 52)); // with 53 bits u · total could round up to the total

    /// <summary>What is wrong with the options, in words; empty when nothing is.</summary>
    internal IEnumerable<string> Problems()
    {
        if (!(Temperature >= 0 && double.IsFinite(Temperature))) yield return $"temperature is {Temperature}; 0 is greedy, above 0 draws.";
        if (TopK < 1) yield return $"top_k is {TopK}; it keeps at least 1.";
        if (TopP is not (null or (>= 0 and <= 1))) yield return $"top_p is {TopP}; it lies between 0 and 1.";
        if (MinP is not (null or (>= 0 and <= 1))) yield return $"min_p is {MinP}; it lies between 0 and 1.";
        if (RepetitionPenalty is { } penalty && !(penalty > 0 && double.IsFinite(penalty))) yield return $"repetition_penalty is {penalty}; it is above 0.";
    }

    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
