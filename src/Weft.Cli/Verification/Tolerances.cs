using System.Text.Json.Nodes;

namespace Weft.Cli.Verification;

/// <summary>How far a quantity may be from the expected one, relative to the tensor's largest absolute value.</summary>
internal sealed class Tolerances
{
    private const double ForOutputs = 1e-5;
    private const double ForGradients = 1e-4;
    private const double Floor = 1e-3;

    private readonly Dictionary<string, double> named;

    private Tolerances(Dictionary<string, double> named, IReadOnlyList<string> notes) => (this.named, Notes) = (named, notes);

    /// <summary>1e-5 for outputs, 1e-4 for gradients with a floor of 1e-3 of the largest gradient.</summary>
    public static Tolerances Default { get; } = new([], []);

    /// <summary>What stands for a tolerance and is none.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Share of the largest expected gradient below which no gradient's own largest value counts: what vanishes in exact arithmetic is rounding.</summary>
    public double GradientFloor => named.GetValueOrDefault("gradient_floor", Floor);

    /// <summary>Reads <c>tolerance</c> of a case: a number, or an object of numbers by the name of a quantity or of a kind; what is no number is left out with a note.</summary>
    /// <exception cref="InvalidDataException">A tolerance is negative or not finite.</exception>
    public static Tolerances Read(JsonNode? node, string source)
    {
        var named = new Dictionary<string, double>(StringComparer.Ordinal);
        if (Number(node) is { } one) (named["outputs"], named["gradients"]) = (one, Math.Max(one, ForGradients));
        else if (node is JsonObject several)
            foreach (var (key, value) in several)
                if (Number(value) is { } number) named[key] = number;
        var wrong = named.Where(n => !(n.Value >= 0 && double.IsFinite(n.Value))).Select(n => $"  {n.Key}: {n.Value}").ToList();
        if (wrong.Count > 0) throw new InvalidDataException($"{source}: a tolerance is a number of at least 0.\n{string.Join('\n', wrong)}");
        var words = new[] { ("tolerance", node) }.Concat((node as JsonObject ?? []).Select(p => ($"tolerance.{p.Key}", p.Value))).Where(p => p.Item2 is JsonValue && Number(p.Item2) is null);
        return new(named, [.. words.Select(w => $"{source}: {w.Item1} is {w.Item2!.ToJsonString()}, which is no number: it is left out")]);
    }

    /// <summary>The tolerance of a quantity: the entry of its whole name, else of its name without the run, of its weights, of its kind, of all.</summary>
    public double Of(Quantity quantity)
    {
        ArgumentNullException.ThrowIfNull(quantity);
        foreach (var name in Names(quantity))
            if (named.TryGetValue(name, out var value)) return value;
        return quantity.Kind == QuantityKind.Gradient ? ForGradients : ForOutputs;
    }

    private static IEnumerable<string> Names(Quantity quantity)
    {
        yield return quantity.Name;
        if (quantity.Run is { Length: > 0 } run && quantity.Name.StartsWith($"{run}.", StringComparison.Ordinal)) yield return quantity.Name[(run.Length + 1)..];
        if (quantity.Kind == QuantityKind.Change) yield return "delta";
        else if (quantity.State == WeightState.Merged) yield return "merged";
        else if (quantity.State == WeightState.Base) yield return "base";
        yield return quantity.Kind switch { QuantityKind.Logits => "logits", QuantityKind.Loss => "loss", QuantityKind.Hidden => "hidden", QuantityKind.Gradient => "grad", _ => "weights" };
        yield return quantity.Kind == QuantityKind.Gradient ? "gradients" : "outputs";
        yield return "all";
    }

    private static double? Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<double>(out var number) ? number : null;
}
