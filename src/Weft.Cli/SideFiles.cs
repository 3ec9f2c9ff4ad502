using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Data;

namespace Weft.Cli;

/// <summary>What a model's folder holds beside config and weights: the files of its tokenizer, and how text is generated.</summary>
/// <remarks>Files of Hugging Face's layout are copied byte for byte and not understood, so that no word of them is lost. Only a tokenizer without such a file is written anew.</remarks>
internal sealed class SideFiles
{
    /// <summary>What says how text is generated, the end tokens among it.</summary>
    public const string GenerationFile = "generation_config.json";

    /// <summary>The tokenizer, whole.</summary>
    public const string TokenizerFile = "tokenizer.json";

    private static readonly string[] vocabularies = [TokenizerFile, "tokenizer.model", "tekken.json", "vocab.json", "vocab.txt"];
    private static readonly string[] copied = [.. vocabularies, "merges.txt", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json", "chat_template.jinja", "chat_template.json", GenerationFile];

    private readonly Dictionary<string, byte[]> files = [];
    private Tokenizer? tokenizer; // one that no file beside the model holds
    private string? generation; // the text that goes with it

    private SideFiles()
    {
    }

    /// <summary>Whether a tokenizer is among them.</summary>
    public bool HasTokenizer => tokenizer is not null || vocabularies.Any(files.ContainsKey);

    /// <summary>Those of a model: the files beside it as they are now, or for a GGUF file without tokenizer.json the tokenizer of its metadata.</summary>
    /// <exception cref="InvalidDataException">The metadata, or the generation_config.json that goes with them, cannot be read.</exception>
    public static SideFiles Of(string name)
    {
        var folder = LoadedModel.FolderOf(name);
        if (!File.Exists(Path.Combine(folder, TokenizerFile)) && LoadedModel.TokenizerInMetadata(name) is { } tokenizer)
        {
            var path = Path.Combine(folder, GenerationFile);
            return new SideFiles { tokenizer = tokenizer, generation = File.Exists(path) ? JsonFile.Read(path).Text : null };
        }
        var beside = new SideFiles();
        foreach (var file in copied)
            if (Path.Combine(folder, file) is var path && File.Exists(path)) beside.files[file] = File.ReadAllBytes(path);
        return beside;
    }

    /// <summary>Those of a tokenizer that no file holds yet.</summary>
    public static SideFiles Of(Tokenizer tokenizer) => new() { tokenizer = tokenizer };

    /// <summary>Writes them into a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="config">The config.json they go with.</param>
    public void Write(string folder, JsonObject config)
    {
        foreach (var (name, bytes) in files) AtomicFile.Write(Path.Combine(folder, name), stream => stream.Write(bytes));
        tokenizer?.Save(folder);
        if (Generation(config) is { } text) AtomicFile.Write(Path.Combine(folder, GenerationFile), text);
    }

    /// <summary>The end tokens that a generation_config.json or config.json names under eos_token_id: one number or a list.</summary>
    public static IEnumerable<long> EndsIn(JsonObject? config) => (config?["eos_token_id"] switch
    {
        JsonArray several => several,
        JsonValue one => (IEnumerable<JsonNode?>)[one],
        _ => [],
    }).OfType<JsonValue>().Select(v => v.TryGetValue<long>(out var id) ? id : -1).Where(id => id >= 0);

    // A GGUF file names further end tokens (of a turn, of a message) in keys of its own. They do not go into config.json, which the fingerprint is of.
    private string? Generation(JsonObject config)
    {
        if (tokenizer is null) return null;
        var own = generation is null ? null : JsonNode.Parse(generation)!.AsObject();
        var known = EndsIn(config).Concat(EndsIn(own)).Append(tokenizer.EosId ?? -1);
        if (!tokenizer.EndIds.Select(id => (long)id).Except(known).Any()) return generation;
        own ??= new JsonObject(config.Where(c => c.Key is "bos_token_id" or "pad_token_id").Select(c => KeyValuePair.Create(c.Key, c.Value?.DeepClone())));
        own["eos_token_id"] = new JsonArray([.. tokenizer.EndIds.Select(id => (JsonNode)id)]);
        return own.ToJsonString(ModelFolder.Indented) + "\n";
    }
}
