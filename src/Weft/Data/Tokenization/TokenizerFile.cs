using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data.Tokenization;

/// <summary>The content of a tokenizer.json: what a tokenizer is made of, in Hugging Face's words.</summary>
internal sealed record TokenizerFile
{
    public required BpeDefinition Model { get; init; }
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];
    public JsonNode? Normalizer { get; init; }
    public JsonNode? PreTokenizer { get; init; }
    public JsonNode? PostProcessor { get; init; }
    public JsonNode? Decoder { get; init; }

    /// <summary>Whether SentencePiece put a space in front, where the tokenizer came from SentencePiece itself; null for one from a tokenizer.json.</summary>
    public bool? SentencePiecePrefix { get; init; }

    /// <summary>Reads the bytes of a tokenizer.json.</summary>
    /// <param name="json">The file's bytes, UTF-8.</param>
    /// <param name="name">What messages call the file.</param>
    /// <exception cref="InvalidDataException">It is no JSON object, or lacks what a tokenizer needs; the message lists everything.</exception>
    public static TokenizerFile Parse(ReadOnlyMemory<byte> json, string name)
    {
        if (json.Span.StartsWith("\uFEFF"u8)) json = json[3..];
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{name} is not valid JSON: {e.Message}", e);
        }
        using (document)
        {
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw new InvalidDataException($"{name} holds {root.ValueKind}, not a JSON object.");
            var problems = new Problems($"{name} cannot be used");
            var file = new TokenizerFile
            {
                Model = BpeDefinition.Read(root.TryGetProperty("model", out var model) ? model : default, problems) ?? new() { Vocabulary = [], Merges = [] },
                AddedTokens = ReadAddedTokens(root, problems),
                Normalizer = Component(root, "normalizer", problems),
                PreTokenizer = Component(root, "pre_tokenizer", problems),
                PostProcessor = Component(root, "post_processor", problems),
                Decoder = Component(root, "decoder", problems),
            };
            problems.ThrowIfAny();
            return file;
        }
    }

    /// <summary>Writes the file as the tokenizers library reads it.</summary>
    public void Write(Stream stream)
    {
        using var json = new Utf8JsonWriter(stream, new() { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteNull("truncation");
        json.WriteNull("padding");
        json.WriteStartArray("added_tokens");
        foreach (var token in AddedTokens)
        {
            json.WriteStartObject();
            json.WriteNumber("id", token.Id);
            json.WriteString("content", token.Content);
            json.WriteBoolean("single_word", token.SingleWord);
            json.WriteBoolean("lstrip", token.LeftStrip);
            json.WriteBoolean("rstrip", token.RightStrip);
            json.WriteBoolean("normalized", token.Normalized);
            json.WriteBoolean("special", token.Special);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        WriteNode(json, "normalizer", Normalizer);
        WriteNode(json, "pre_tokenizer", PreTokenizer);
        WriteNode(json, "post_processor", PostProcessor);
        WriteNode(json, "decoder", Decoder);
        WriteModel(json);
        json.WriteEndObject();
    }

    private void WriteModel(Utf8JsonWriter json)
    {
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteNull("dropout");
        json.WriteString("unk_token", Model.UnknownToken);
        json.WriteNull("continuing_subword_prefix");
        json.WriteNull("end_of_word_suffix");
        json.WriteBoolean("fuse_unk", Model.FuseUnknown);
        json.WriteBoolean("byte_fallback", Model.ByteFallback);
        json.WriteBoolean("ignore_merges", Model.IgnoreMerges);
        json.WriteStartObject("vocab");
        foreach (var (token, id) in Model.Vocabulary.OrderBy(e => e.Value)) json.WriteNumber(token, id);
        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach (var (left, right) in Model.Merges)
        {
            json.WriteStartArray();
            json.WriteStringValue(left);
            json.WriteStringValue(right);
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteNode(Utf8JsonWriter json, string key, JsonNode? node)
    {
        json.WritePropertyName(key);
        if (node is null) json.WriteNullValue();
        else node.WriteTo(json);
    }

    private static JsonNode? Component(JsonElement root, string key, Problems problems)
    {
        if (!root.TryGetProperty(key, out var element) || element.ValueKind == JsonValueKind.Null) return null;
        if (element.ValueKind == JsonValueKind.Object)
            try
            {
                var node = JsonNode.Parse(element.GetRawText());
                Touch(node);
                return node;
            }
            catch (ArgumentException e)
            {
                problems.Add($"{key}: {e.Message}");
                return null;
            }
        problems.Add($"{key} is {element.ValueKind}, neither an object nor null");
        return null;
    }

    // A JsonObject finds a key that stands twice only when it is first used.
    private static void Touch(JsonNode? node)
    {
        if (node is JsonObject members)
            foreach (var (_, value) in members) Touch(value);
        else if (node is JsonArray items)
            foreach (var item in items) Touch(item);
    }

    private static List<AddedToken> ReadAddedTokens(JsonElement root, Problems problems)
    {
        var tokens = new List<AddedToken>();
        if (!root.TryGetProperty("added_tokens", out var list) || list.ValueKind == JsonValueKind.Null) return tokens;
        if (list.ValueKind != JsonValueKind.Array)
        {
            problems.Add($"added_tokens is {list.ValueKind}, not a list");
            return tokens;
        }
        var index = 0;
        foreach (var item in list.EnumerateArray())
        {
            var where = $"added_tokens[{index++}]";
            if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty("content", out var content) || content.ValueKind != JsonValueKind.String
                || !item.TryGetProperty("id", out var number) || number.ValueKind != JsonValueKind.Number || !number.TryGetInt32(out var id) || id is < 0 or > BpeDefinition.MaxId)
            {
                problems.Add($"{where} is {item.GetRawText()}, without an \"id\" from 0 to {BpeDefinition.MaxId} and a \"content\"");
                continue;
            }
            tokens.Add(new(id, content.GetString()!)
            {
                Special = Flag("special"),
                SingleWord = Flag("single_word"),
                LeftStrip = Flag("lstrip"),
                RightStrip = Flag("rstrip"),
                Normalized = Flag("normalized"),
            });

            bool Flag(string key) => item.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.True;
        }
        foreach (var twice in tokens.GroupBy(t => t.Id).Where(g => g.Select(t => t.Content).Distinct().Count() > 1))
            problems.Add($"added_tokens: {string.Join(" and ", twice.Select(t => $"\"{t.Content}\""))} both have id {twice.Key}");
        return tokens;
    }
}
