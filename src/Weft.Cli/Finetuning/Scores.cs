using System.Globalization;
using System.Text.Json.Nodes;
using Weft.Evaluation;

namespace Weft.Cli.Finetuning;

/// <summary>How a model did on the held-out rows.</summary>
/// <param name="Loss">Loss on the supervised tokens.</param>
/// <param name="Exact">Generated answers beside the wanted ones; null where they were not asked for.</param>
/// <param name="Choices">Choices among given completions; null where there are none.</param>
internal sealed record Scores(HeldOutLoss Loss, ExactMatchResult? Exact, ChoiceResult? Choices)
{
    /// <summary>The scores by name, as the metrics of a run hold them.</summary>
    public IReadOnlyDictionary<string, double> Numbers()
    {
        var numbers = new Dictionary<string, double> { ["loss"] = Loss.PerToken, ["perplexity"] = Loss.Perplexity };
        if (Exact is not null) numbers["exact_match"] = Exact.Share;
        if (Choices is not null) (numbers["accuracy"], numbers["choice_loss"]) = (Choices.Accuracy, Choices.Loss);
        return numbers;
    }

    /// <summary>The scores as JSON.</summary>
    public JsonObject Node()
    {
        var node = new JsonObject { ["rows"] = Loss.Rows, ["tokens"] = Loss.Tokens };
        foreach (var (name, value) in Numbers()) node[name] = double.IsFinite(value) ? value : value.ToString(CultureInfo.InvariantCulture);
        return node;
    }

    /// <summary>Several scores as one table.</summary>
    public static void Table(Screen screen, IReadOnlyList<(string Name, Scores Scores)> results)
    {
        var columns = results.SelectMany(r => r.Scores.Numbers().Keys).Distinct().ToList();
        screen.Table(["", .. columns.Select(c => $">{c.Replace('_', ' ')}")], results.Select(r =>
        {
            var numbers = r.Scores.Numbers();
            return (IReadOnlyList<string>)[r.Name, .. columns.Select(c => numbers.TryGetValue(c, out var value) ? Text(c, value) : "-")];
        }));
    }

    private static string Text(string name, double value) =>
        name is "exact_match" or "accuracy" ? FormattableString.Invariant($"{100 * value:0.0} %") : FormattableString.Invariant($"{value:0.0000}");
}
