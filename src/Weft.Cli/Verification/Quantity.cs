using System.Globalization;
using System.Text.RegularExpressions;

namespace Weft.Cli.Verification;

/// <summary>One quantity that is expected, as its name says.</summary>
/// <param name="Name">The whole name in the file.</param>
/// <param name="State">The weights it is computed with.</param>
/// <param name="Run">Prefix of the run it belongs to, empty for the one without; null for a gradient that leaves the run open, and for weights.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Key">Key of the tensor that a gradient, a weight or a change is of; else empty.</param>
/// <param name="Layer">Number of a hidden state.</param>
internal sealed partial record Quantity(string Name, WeightState State, string? Run, QuantityKind Kind, string Key = "", int Layer = 0)
{
    private const string Generate = "generate";

    private static readonly (string Prefix, WeightState State)[] states =
        [("base.", WeightState.Base), ("base_", WeightState.Base), ("merged.", WeightState.Merged), ("merged_", WeightState.Merged)];

    /// <summary>Reads a name: an optional run, an optional <c>base.</c> or <c>merged.</c> before or after it, and a known quantity.</summary>
    /// <param name="name">The name in the file of expected tensors.</param>
    /// <param name="runs">Prefixes that have input_ids; a run may be called <c>base</c>, and then the prefix means the run.</param>
    /// <returns>Null when the name is none that can be computed; <see cref="WhyUnknown"/> says why.</returns>
    public static Quantity? Parse(string name, IReadOnlyCollection<string> runs)
    {
        if (After(name, "delta.") is { } changed) return new(name, WeightState.Merged, null, QuantityKind.Change, changed);
        var (run, rest) = SplitRun(name, runs);
        var (state, inner) = SplitState(rest);
        if (run.Length == 0 && state != WeightState.Loaded) (run, inner) = SplitRun(inner, runs);

        if (run.Length == 0 && inner == $"{Generate}.ids" || run == Generate && inner == "ids") return new(name, state, Generate, QuantityKind.Ids);
        if (inner is "logits") return new(name, state, run, QuantityKind.Logits);
        if (inner is "loss") return new(name, state, run, QuantityKind.Loss);
        if (After(inner, "hidden.") is { } layer && int.TryParse(layer, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return new(name, state, run, QuantityKind.Hidden, Layer: number);
        if (After(inner, "grad.") is { } key) return new(name, state, run.Length == 0 ? null : run, QuantityKind.Gradient, key);
        return run.Length == 0 && state != WeightState.Loaded ? new(name, state, null, QuantityKind.Weight, inner) : null;
    }

    /// <summary>Why a name is not computed.</summary>
    public static string WhyUnknown(string name) => name switch
    {
        _ when name.StartsWith("trace", StringComparison.Ordinal) => "a training trace; verify does not train",
        _ when name.StartsWith("final", StringComparison.Ordinal) => "the state after training; verify does not train",
        _ when name.StartsWith("heldout", StringComparison.Ordinal) => "a held-out loss around training; verify does not train",
        _ when name.StartsWith("init.", StringComparison.Ordinal) => "of an adapter before the stored one",
        _ when InARun().Match(name) is { Success: true } match => $"the inputs have no {match.Groups["run"].Value}.input_ids, so there is no such run",
        _ => "no quantity that verify knows (logits, loss, hidden.i, grad.<key>, generate.ids, base.…, merged.…, delta.<key>)",
    };

    private static (string Run, string Inner) SplitRun(string name, IReadOnlyCollection<string> runs)
    {
        var run = runs.Where(r => r.Length > 0 && name.StartsWith($"{r}.", StringComparison.Ordinal)).MaxBy(r => r.Length);
        return run is null ? ("", name) : (run, name[(run.Length + 1)..]);
    }

    private static (WeightState State, string Inner) SplitState(string name)
    {
        foreach (var (prefix, state) in states)
            if (After(name, prefix) is { } rest) return (state, rest);
        return (WeightState.Loaded, name);
    }

    private static string? After(string name, string prefix) =>
        name.Length > prefix.Length && name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : null;

    [GeneratedRegex(@"^(?<run>.+?)\.(logits|loss|hidden\.\d+|grad\..+)$")]
    private static partial Regex InARun();
}
