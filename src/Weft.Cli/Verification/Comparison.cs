using System.Globalization;
using static TorchSharp.torch;

namespace Weft.Cli.Verification;

/// <summary>One quantity compared with the expected one.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Difference">What the rule bounds: the largest difference relative to the rule's scale, or how many tokens differ; not finite where there is none to give.</param>
/// <param name="Limit">Most that is allowed.</param>
/// <param name="Rule">The rule in words.</param>
/// <param name="Problem">What is wrong beyond a number: two shapes, a number that is none, a token; null where a number says it.</param>
internal sealed record Comparison(string Name, double Difference, double Limit, string Rule, string? Problem = null)
{
    /// <summary>Whether ours is the expected one by the rule.</summary>
    public bool Passed => Problem is null && Difference <= Limit;

    /// <summary>Compares two tensors by the largest difference of their numbers.</summary>
    /// <param name="name">Name of the quantity.</param>
    /// <param name="ours">What this model gives.</param>
    /// <param name="expected">What is expected, of the same shape.</param>
    /// <param name="tolerance">Largest difference, relative to the expected tensor's largest absolute value.</param>
    /// <param name="real">Numbers of the (batch × tokens) positions that count, as both tensors' first two axes have them; null for all.</param>
    /// <param name="floor">Least scale the difference is measured by, and its name.</param>
    public static Comparison Of(string name, Tensor ours, Tensor expected, double tolerance, Tensor? real = null, (double Value, string Name)? floor = null)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var rule = $"≤ {Short(tolerance)} of its largest value";
        if (!ours.shape.SequenceEqual(expected.shape))
            return new(name, double.NaN, tolerance, rule, $"({string.Join(", ", ours.shape)}) for ({string.Join(", ", expected.shape)}) expected");
        var type = ours.dtype == ScalarType.Float32 && expected.dtype == ScalarType.Float32 ? ScalarType.Float32 : ScalarType.Float64;
        var (a, e) = (Counted(ours.detach(), real).to(type), Counted(expected, real).to(type));
        if (e.numel() == 0) return new(name, double.NaN, tolerance, rule, "both are empty");
        if (!a.isfinite().all().item<bool>()) return new(name, double.NaN, tolerance, rule, "ours holds numbers that are not finite");
        if (!e.isfinite().all().item<bool>()) return new(name, double.NaN, tolerance, rule, "the expected tensor holds numbers that are not finite");
        var largest = e.abs().max().to(ScalarType.Float64).item<double>();
        var scale = Math.Max(largest, floor?.Value ?? 0);
        var difference = (a - e).abs_().max().to(ScalarType.Float64).item<double>();
        rule = scale > largest ? $"≤ {Short(tolerance)} of {floor!.Value.Name} {Short(scale)}" : $"{rule} {Short(largest)}";
        return new(name, difference == 0 ? 0 : difference / scale, tolerance, rule);
    }

    /// <summary>Compares tokens row by row, up to and with the first end token of the expected row.</summary>
    /// <param name="name">Name of the quantity.</param>
    /// <param name="ours">(batch, tokens) int64.</param>
    /// <param name="expected">(batch, tokens), integers.</param>
    /// <param name="ends">Tokens that end a row.</param>
    public static Comparison OfTokens(string name, Tensor ours, Tensor expected, IReadOnlyCollection<long> ends)
    {
        using var scope = NewDisposeScope();
        var rule = ends.Count == 0 ? "equal tokens" : $"equal tokens up to a row's first end token ({string.Join(", ", ends)})";
        if (!ours.shape.SequenceEqual(expected.shape))
            return new(name, double.NaN, 0, rule, $"({string.Join(", ", ours.shape)}) for ({string.Join(", ", expected.shape)}) expected");
        var width = (int)expected.shape[1];
        var (a, e) = (ours.to(ScalarType.Int64).contiguous().data<long>().ToArray(), expected.to(ScalarType.Int64).contiguous().data<long>().ToArray());
        var wrong = new List<(int Row, int Column)>();
        for (var row = 0; row < expected.shape[0]; row++)
            for (var column = 0; column < width; column++)
            {
                if (a[row * width + column] != e[row * width + column]) wrong.Add((row, column));
                if (ends.Contains(e[row * width + column])) break;
            }
        if (wrong.Count == 0) return new(name, 0, 0, rule);
        var (r, c) = wrong[0];
        return new(name, wrong.Count, 0, rule, $"{(wrong.Count == 1 ? "1 token differs" : $"{wrong.Count} tokens differ, the first")} in row {r} at {c}: {a[r * width + c]} for {e[r * width + c]} expected");
    }

    /// <summary>A number as reports print it.</summary>
    public static string Short(double number) => number.ToString(Math.Abs(number) is 0 or (>= 0.01 and < 1e5) ? "0.####" : "0.####e+0", CultureInfo.InvariantCulture);

    private static Tensor Counted(Tensor tensor, Tensor? real) => real is null ? tensor : tensor.flatten(0, 1).index_select(0, real);
}
