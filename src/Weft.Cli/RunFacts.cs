using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weft.Cli;

/// <summary>What a run folder says of its run.</summary>
internal static class RunFacts
{
    /// <summary>Whether a folder is one of a run.</summary>
    public static bool IsRun(string path) => Directory.Exists(path) && File.Exists(Path.Combine(path, "metrics.jsonl"));

    /// <summary>Its run file, steps, losses, evaluations and files.</summary>
    public static Facts Of(string folder)
    {
        var lines = File.ReadLines(Path.Combine(folder, "metrics.jsonl")).Select(Line).OfType<JsonObject>().ToList();
        var steps = lines.Where(l => l["loss"] is not null).ToList();
        var evaluations = lines.Where(l => l.Any(m => m.Key.StartsWith("evaluation_", StringComparison.Ordinal))).ToList();
        var facts = new Facts();
        facts.Add("path", folder);
        facts.Add("kind", "run");
        foreach (var (key, value) in Settings(folder)) facts.Add(key, value);
        facts.Add("steps", steps.Count == 0 ? 0 : steps[^1]["step"]!.DeepClone());
        if (steps.Count > 0) facts.Add("first loss", steps[0]["loss"]!.DeepClone());
        if (steps.Count > 0) facts.Add("last loss", steps[^1]["loss"]!.DeepClone());
        if (steps.Count > 0) facts.Add("seconds of training", steps[^1]["elapsed_seconds"]?.DeepClone());
        facts.Add("finished", File.Exists(Path.Combine(folder, "manifest.json")));
        facts.Add("saved states", Directory.Exists(Path.Combine(folder, "state")) ? Directory.EnumerateDirectories(Path.Combine(folder, "state"), "step-*").Count() : 0);
        var names = evaluations.SelectMany(e => e.Select(m => m.Key)).Where(k => k.StartsWith("evaluation_", StringComparison.Ordinal)).Distinct().ToList();
        facts.Table("evaluations", [">step", .. names.Select(n => $">{n["evaluation_".Length..]}")], evaluations.Select(e => new JsonArray([e["step"]!.DeepClone(), .. names.Select(n => e[n]?.DeepClone())])));
        facts.Table("files", ["file", ">bytes"], Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => !Path.GetRelativePath(folder, f).StartsWith("state", StringComparison.Ordinal) && Path.GetFileName(f) != ".lock").Order(StringComparer.Ordinal)
            .Select(f => new JsonArray(Path.GetRelativePath(folder, f), new FileInfo(f).Length)));
        return facts;
    }

    private static IEnumerable<(string, JsonNode?)> Settings(string folder)
    {
        var path = Path.Combine(folder, Finetuning.RunNames.RunFile);
        if (!File.Exists(path)) yield break;
        var root = Runs.YamlReader.Read(File.ReadAllText(path), path).Root;
        yield return ("model", root["model"]?.DeepClone());
        yield return ("method", root["method"]?.DeepClone());
        yield return ("data", (root["data"] as JsonObject)?["train"]?.DeepClone());
    }

    // A process that was killed may have left half a line.
    private static JsonObject? Line(string line)
    {
        try
        {
            return JsonNode.Parse(line) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
