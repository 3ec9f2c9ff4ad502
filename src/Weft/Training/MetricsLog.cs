using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp.Modules;
using Weft.Checkpoints;

namespace Weft.Training;

/// <summary>The numbers of a run: one JSON line per step and per evaluation in <c>metrics.jsonl</c>, and the same as TensorBoard events beside it.</summary>
/// <remarks>Every line is on its way to the disk when the call returns. The events are made from the lines, so they can be made again.</remarks>
public sealed class MetricsLog : IDisposable
{
    private const string StepKey = "step";
    private const string TimeKey = "time";
    private const string EvaluationPrefix = "evaluation_";
    private static readonly HashSet<string> notPlotted = [StepKey, TimeKey, "epoch", "tokens", "supervised_tokens", "seconds", "elapsed_seconds"];

    private readonly string folder;
    private FileStream lines;
    private SummaryWriter events;
    private HashSet<int>? evaluated; // steps that have an evaluation; null until it is asked for

    /// <summary>Opens the log of a run folder at its end.</summary>
    /// <param name="folder">The run folder.</param>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public MetricsLog(string folder)
    {
        this.folder = folder;
        Path = System.IO.Path.Combine(folder, "metrics.jsonl");
        lines = OpenAtEnd();
        events = utils.tensorboard.SummaryWriter(folder, createRunName: false);
    }

    /// <summary>The file of JSON lines.</summary>
    public string Path { get; }

    /// <summary>Writes the line of a step.</summary>
    /// <param name="step">The step.</param>
    public void Append(Step step) => Write(new JsonObject
    {
        [StepKey] = step.Index,
        ["epoch"] = step.Epoch,
        ["loss"] = step.Loss,
        ["gradient_norm"] = step.GradientNorm,
        ["learning_rate"] = step.LearningRate,
        ["tokens"] = step.Tokens,
        ["supervised_tokens"] = step.SupervisedTokens,
        ["supervised_share"] = step.SupervisedShare,
        ["tokens_per_second"] = step.TokensPerSecond,
        ["seconds"] = step.Seconds,
        ["elapsed_seconds"] = step.ElapsedSeconds,
    });

    /// <summary>Writes the line of an evaluation, in the place of an earlier one of the same step where there is one.</summary>
    /// <param name="step">The step whose tensors were judged; 0 before training.</param>
    /// <param name="results">Its results by name (<c>loss</c> in nats per supervised token, <c>exact_match</c> …); a result that is not finite is written as a string.</param>
    public void AppendEvaluation(int step, IReadOnlyDictionary<string, double> results)
    {
        var line = new JsonObject { [StepKey] = step };
        foreach (var (name, value) in results) line[EvaluationPrefix + name] = double.IsFinite(value) ? value : value.ToString(CultureInfo.InvariantCulture);
        evaluated ??= [.. Read().Where(IsEvaluation).Select(l => (int)l[StepKey]!)];
        if (evaluated.Add(step)) Write(line);
        else Replace(line);
    }

    /// <summary>Cuts the log back to a step, so that a resumed run writes no step twice; a line that a killed process left half written goes too.</summary>
    /// <param name="step">The last step that stays.</param>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public void CutBackTo(int step)
    {
        var kept = Read().Where(l => (int)l[StepKey]! <= step).ToList();
        Rewrite(kept);
        foreach (var old in Directory.EnumerateFiles(folder, "events.out.tfevents.*").ToList()) File.Delete(old);
        events = utils.tensorboard.SummaryWriter(folder, createRunName: false, filename_suffix: "resumed");
        foreach (var line in kept) Plot(line);
    }

    /// <inheritdoc/>
    public void Dispose() => lines.Dispose();

    private List<JsonObject> Read()
    {
        using var reader = new StreamReader(new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)); // it is open for writing, too
        return [.. reader.ReadToEnd().Split('\n').Select(Parse).OfType<JsonObject>()];
    }

    private static bool IsEvaluation(JsonObject line) => line.Any(m => m.Key.StartsWith(EvaluationPrefix, StringComparison.Ordinal));

    private void Replace(JsonObject line)
    {
        line[TimeKey] = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var all = Read();
        var at = all.FindIndex(l => IsEvaluation(l) && (int)l[StepKey]! == (int)line[StepKey]!);
        var (earlier, added) = (all[at], (JsonObject)line.DeepClone());
        all[at] = line;
        Rewrite(all);
        foreach (var (key, value) in earlier)
            if (key.StartsWith(EvaluationPrefix, StringComparison.Ordinal) && JsonNode.DeepEquals(value, line[key])) added.Remove(key); // it is plotted already
        Plot(added);
    }

    private void Rewrite(IReadOnlyList<JsonObject> kept)
    {
        lines.Dispose();
        evaluated = null;
        AtomicFile.Write(Path, s =>
        {
            foreach (var line in kept) s.Write(Bytes(line));
        });
        lines = OpenAtEnd();
    }

    private static byte[] Bytes(JsonObject line) => Encoding.UTF8.GetBytes(line.ToJsonString() + "\n");

    private static JsonObject? Parse(string line)
    {
        try
        {
            return JsonNode.Parse(line) is JsonObject read && read[StepKey] is JsonValue step && step.TryGetValue<int>(out _) ? read : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private FileStream OpenAtEnd() => new(Path, FileMode.Append, FileAccess.Write, FileShare.Read);

    private void Write(JsonObject line)
    {
        line[TimeKey] = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        lines.Write(Bytes(line));
        lines.Flush();
        Plot(line);
    }

    private void Plot(JsonObject line)
    {
        foreach (var (key, value) in line)
            if (!notPlotted.Contains(key) && value!.GetValueKind() == JsonValueKind.Number)
                events.add_scalar(
                    key.StartsWith(EvaluationPrefix, StringComparison.Ordinal) ? $"evaluation/{key[EvaluationPrefix.Length..]}" : $"training/{key}",
                    (float)(double)value, (int)line[StepKey]!, (long)line[TimeKey]!);
    }
}
