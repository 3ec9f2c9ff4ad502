using System.Text.Json;

namespace Weft.Data.Tokenization;

/// <summary>What the files beside tokenizer.json say: the special tokens' roles and the chat template.</summary>
internal sealed record TokenizerSettings
{
    private static readonly string[] tokenizerFiles = ["tokenizer_config.json", "special_tokens_map.json"];
    private static readonly string[] modelFiles = ["generation_config.json", "config.json"];

    public string? Bos { get; init; }
    public string? Eos { get; init; }
    public string? Pad { get; init; }
    public string? Unk { get; init; }
    public int? BosId { get; init; }
    public int? PadId { get; init; }
    public IReadOnlyList<int> EndIds { get; init; } = [];
    public string? ChatTemplate { get; init; }

    public IEnumerable<(string Role, string? Token)> Named => [("bos_token", Bos), ("eos_token", Eos), ("pad_token", Pad), ("unk_token", Unk)];

    /// <summary>Reads tokenizer_config.json, special_tokens_map.json, chat_template.jinja, generation_config.json and config.json beside a file.</summary>
    /// <remarks>Where none of them names the roles, a vocabulary with &lt;s&gt; and &lt;/s&gt;, or with &lt;|endoftext|&gt;, gives them: the usual meaning of these names.</remarks>
    public static TokenizerSettings Beside(string path, TokenizerFile content)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var files = tokenizerFiles.Select(n => Open(folder, n)).OfType<JsonElement>().ToList();
        var models = modelFiles.Select(n => Open(folder, n)).OfType<JsonElement>().ToList();
        var template = Path.Combine(folder, "chat_template.jinja");
        var settings = new TokenizerSettings
        {
            Bos = Token("bos_token"),
            Eos = Token("eos_token"),
            Pad = Token("pad_token"),
            Unk = Token("unk_token"),
            BosId = Ids("bos_token_id").Cast<int?>().FirstOrDefault(),
            PadId = Ids("pad_token_id").Cast<int?>().FirstOrDefault(),
            EndIds = [.. Ids("eos_token_id").Distinct()],
            ChatTemplate = File.Exists(template) ? File.ReadAllText(template) : files.Select(Template).FirstOrDefault(t => t is not null),
        };
        if (settings.Named.All(n => n.Token is null) && settings.BosId is null && settings.EndIds.Count == 0) settings = settings with { Bos = Usual("<s>", "<|endoftext|>"), Eos = Usual("</s>", "<|endoftext|>") };
        return settings;

        string? Token(string key) => files.Select(f => TokenIn(f, key)).FirstOrDefault(t => t is not null);

        IEnumerable<int> Ids(string key) => models.SelectMany(m => !m.TryGetProperty(key, out var value) ? []
            : value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToArray() : [value])
            .Where(v => v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out var id) && id >= 0).Select(v => v.GetInt32());

        string? Usual(params string[] names) => names.FirstOrDefault(n => content.AddedTokens.Any(t => t.Content == n));
    }

    private static JsonElement? Open(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path)) return null;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path), new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip });
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone()
                : throw new InvalidDataException($"{path} holds {document.RootElement.ValueKind}, not a JSON object.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not valid JSON: {e.Message}", e);
        }
    }

    private static string? TokenIn(JsonElement json, string key) => !json.TryGetProperty(key, out var value) ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : value.ValueKind == JsonValueKind.Object && value.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String ? content.GetString() : null;

    // One text, or a list of named ones, of which "default" is meant.
    private static string? Template(JsonElement json) => !json.TryGetProperty("chat_template", out var value) ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().Where(t => TokenIn(t, "name") == "default").Select(t => TokenIn(t, "template")).FirstOrDefault() : null;
}
