using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Cli.Runs;
using Weft.Data;

namespace Weft.Cli.Finetuning;

/// <summary>Scores and answers before and after training, kept in the run's folder so that a resumed run knows how it began.</summary>
internal sealed class Results
{
    private static readonly JsonSerializerOptions indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly string path;
    private readonly Screen screen;
    private readonly Judge? judge;
    private readonly Tokenizer tokenizer;
    private readonly int samples;
    private readonly JsonObject node;

    /// <summary>The results of a run folder, with what is known of them.</summary>
    public Results(string folder, Screen screen, Judge? judge, Tokenizer tokenizer, EvaluateSection section)
    {
        (path, this.screen, this.judge, this.tokenizer, samples) = (Path.Combine(folder, RunNames.Results), screen, judge, tokenizer, section.Samples);
        node = File.Exists(path) ? (JsonObject)JsonNode.Parse(File.ReadAllText(path))! : [];
    }

    /// <summary>Scores the base, or says what an earlier process of the run found.</summary>
    public IReadOnlyDictionary<string, double> ScoreBefore() => node["before"]?["scores"] is JsonObject known
        ? known.Where(s => s.Key is not ("rows" or "tokens")).ToDictionary(s => s.Key, s => double.Parse(s.Value!.ToString(), CultureInfo.InvariantCulture))
        : Score("before");

    /// <summary>Scores what was learned.</summary>
    /// <exception cref="InvalidOperationException">Its loss is not finite.</exception>
    public IReadOnlyDictionary<string, double> ScoreAfter() => Score("after");

    /// <summary>Shows both, and answers side by side.</summary>
    /// <returns>All of it as JSON.</returns>
    public JsonObject Show()
    {
        if (node["before"] is not JsonObject before || node["after"] is not JsonObject after) return node;
        screen.Head($"On {before["scores"]!["rows"]} held-out rows");
        var names = ((JsonObject)after["scores"]!).Select(s => s.Key).Where(k => k is not ("rows" or "tokens")).ToList();
        screen.Table(["", ">before", ">after"], names.Select(n => new[] { n.Replace('_', ' '), Text(n, before["scores"]![n]), Text(n, after["scores"]![n]) }));
        if (before["answers"] is not JsonArray { Count: > 0 } first || after["answers"] is not JsonArray last) return node;
        screen.Head("Answers before and after");
        for (var i = 0; i < Math.Min(first.Count, last.Count); i++)
        {
            screen.Say();
            screen.Say($"  {(string)first[i]!["prompt"]!}".ReplaceLineEndings("\n  "));
            screen.Table(["", ""], [Row("  wanted", first[i]!["wanted"]), Row("  before", first[i]!["answer"]), Row("  after", last[i]!["answer"])]);
        }
        return node;
    }

    /// <summary>Real tokens a second over all steps of a metrics file.</summary>
    public static double TokensPerSecond(string metrics)
    {
        var (tokens, seconds) = (0.0, 0.0);
        foreach (var line in File.ReadLines(metrics).Select(l => JsonNode.Parse(l)!.AsObject()).Where(l => l["tokens"] is not null))
            (tokens, seconds) = (tokens + (double)line["tokens"]!, seconds + (double)line["seconds"]!);
        return seconds > 0 ? tokens / seconds : 0;
    }

    private IReadOnlyDictionary<string, double> Score(string when)
    {
        var scores = judge!.Score(screen, when == "before" ? "the base" : "the trained model");
        if (when == "after" && !double.IsFinite(scores.Loss.PerToken))
            throw new InvalidOperationException(FormattableString.Invariant($"The run has diverged: the held-out loss of what it learned is {scores.Loss.PerToken}. It is not saved, and what was saved before is intact. Lower the learning rate."));
        var answers = judge.Answers(samples, scores.Exact);
        node[when] = new JsonObject
        {
            ["scores"] = scores.Node(),
            ["answers"] = new JsonArray([.. answers.Select((a, i) => (JsonNode)new JsonObject { ["prompt"] = tokenizer.Decode(judge.Prompts[i]), ["wanted"] = a.Expected.Trim(), ["answer"] = a.Answer.Text.Trim() })]),
        };
        AtomicFile.Write(path, node.ToJsonString(indented) + "\n");
        return scores.Numbers();
    }

    private static IReadOnlyList<string> Row(string name, JsonNode? text) => [name, ((string)text!).ReplaceLineEndings(" ⏎ ")];

    private static string Text(string name, JsonNode? value) => value is JsonValue v && v.TryGetValue<double>(out var number)
        ? (name is "exact_match" or "accuracy" ? FormattableString.Invariant($"{100 * number:0.0} %") : FormattableString.Invariant($"{number:0.0000}"))
        : value?.ToString() ?? "-";
}
