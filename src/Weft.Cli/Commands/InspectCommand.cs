using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Models;

namespace Weft.Cli.Commands;

/// <summary><c>weft inspect</c>: what a checkpoint, adapter or run folder holds, read without its tensors.</summary>
internal static class InspectCommand
{
    private const int ShownMetadata = 40;

    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var path = new Argument<string>("PATH") { Description = "A .safetensors or .gguf file, a model, adapter or run folder, org/name in the local cache, or a built-in base." };
        var all = new Option<bool>("--all") { Description = "List every tensor and every key, instead of one row per module pattern." };
        var command = new Command("inspect", "Shows what a checkpoint, adapter or run folder holds; no tensor is loaded.") { path, all, SharedOptions.Json() };
        command.SetAction(parsed =>
        {
            var name = parsed.GetRequiredValue(path);
            var found = Pretrained.Find(name);
            var facts = RunFacts.IsRun(found) ? RunFacts.Of(found) : OfCheckpoint(found, parsed.GetValue(all));
            if (screen.IsJson) screen.WriteJson(facts.Json);
            else facts.Show(screen);
            return ExitCode.Done;
        });
        return command.Examples("weft inspect model.gguf", "weft inspect out/quickstart-1", "weft inspect weft-tiny --all --json");
    }

    private static Facts OfCheckpoint(string path, bool all)
    {
        var adapter = Directory.Exists(path) && File.Exists(Path.Combine(path, "adapter_config.json"));
        using var file = Checkpoint.Open(path);
        var tensors = file.Tensors.Values.ToList();
        var numbers = tensors.Sum(t => Count(t.Shape));
        var facts = new Facts();
        facts.Add("path", path);
        facts.Add("kind", adapter ? "adapter" : file is Gguf gguf ? $"GGUF version {gguf.Version}" : "safetensors");
        facts.Add("tensors", tensors.Count);
        facts.Add("numbers", numbers);
        facts.Add("bytes", tensors.Sum(t => t.Bytes));
        if (Config(path, adapter ? "adapter_config.json" : "config.json") is { } config)
            foreach (var (key, value) in config.Where(c => all || IsTelling(c.Key))) facts.Add(key is "path" or "kind" or "tensors" or "numbers" or "bytes" or "metadata" or "tensor" ? $"config.{key}" : key, value?.DeepClone());
        facts.Group("metadata", file.Metadata.Take(all ? int.MaxValue : ShownMetadata).Select(m => KeyValuePair.Create(m.Key, Metadata(m.Value, all))));
        facts.Table("tensor", ["name", "kind", ">count", ">shape", ">bytes"], Rows(tensors, all));
        return facts;
    }

    private static IEnumerable<JsonArray> Rows(List<TensorEntry> tensors, bool all) => tensors
        .GroupBy(t => all ? (t.Name, t.Kind, "") : (Pattern(t.Name), t.Kind, Shape(t.Shape)))
        .Select(g => new JsonArray(g.Key.Item1, g.Key.Kind, g.Count(), Shape(g.First().Shape), g.Sum(t => t.Bytes)));

    private static string Pattern(string name) => System.Text.RegularExpressions.Regex.Replace(name, @"(?<=\.)\d+(?=\.)", "*");

    private static string Shape(IReadOnlyList<long> shape) => $"({string.Join(", ", shape)})";

    private static long Count(IReadOnlyList<long> shape) => shape.Aggregate(1L, (a, b) => a * b);

    private static bool IsTelling(string key) => key is "model_type" or "hidden_size" or "num_hidden_layers" or "num_attention_heads" or "num_key_value_heads" or "intermediate_size" or "vocab_size"
        or "max_position_embeddings" or "tie_word_embeddings" or "dtype" or "torch_dtype" or "peft_type" or "r" or "target_modules" or "base_model_name_or_path" or "modules_to_save"
        || key.EndsWith("_alpha", StringComparison.Ordinal);

    private static JsonObject? Config(string path, string name)
    {
        var file = Path.Combine(Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path))!, name);
        return Directory.Exists(path) && File.Exists(file) ? JsonFile.Read(file).Value : null;
    }

    private static JsonNode? Metadata(object value, bool all) => value switch
    {
        Array list when !all && list.Length > 8 => $"a list of {list.Length}",
        Array list => new JsonArray([.. list.Cast<object>().Select(v => Metadata(v, all))]),
        string text when !all && text.Length > 100 => $"{text[..100].ReplaceLineEndings(" ")}…",
        double number when !double.IsFinite(number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture),
        _ => JsonSerializer.SerializeToNode(value, value.GetType()),
    };
}
