using System.Collections;
using System.Globalization;
using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data.Tokenization;

/// <summary>A tokenizer from a GGUF file's metadata, as the tokenizer.json that means the same.</summary>
internal static class GgufTokenizer
{
    private const string Key = "tokenizer.ggml.";

    // The names of pre-tokenizers and what they mean; llama.cpp's table (llama-vocab.cpp) has the same rules under these names.
    private static readonly Dictionary<string, Func<JsonNode>> preTokenizers = new(StringComparer.Ordinal)
    {
        ["gpt-2"] = Gpt2,
        ["phi-2"] = Gpt2,
        ["smollm"] = DigitsThenGpt2,
        ["starcoder"] = DigitsThenGpt2,
        ["refact"] = DigitsThenGpt2,
    };

    private static readonly string[] endKeys = ["eos_token_id", "eot_token_id", "eom_token_id"];

    private enum TokenType { Normal = 1, Unknown, Control, UserDefined, Unused, Byte }

    public static Tokenizer Read(IReadOnlyDictionary<string, object> metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        var model = metadata.GetValueOrDefault(Key + "model") as string ?? throw new InvalidDataException("The GGUF metadata have no tokenizer.ggml.model, so the file holds no tokenizer. Lay a tokenizer.json beside it.");
        if (model is not ("gpt2" or "llama"))
            throw new NotSupportedException($"The GGUF file's tokenizer is of kind \"{model}\"; known are gpt2 and llama. Lay the model's tokenizer.json beside the file.");
        var problems = new Problems("The GGUF metadata describe no usable tokenizer");
        var tokens = Strings(metadata, "tokens", problems);
        var types = Numbers(metadata, "token_type", problems);
        if (tokens.Count == 0) problems.Add($"{Key}tokens is missing or empty");
        if (types.Count > 0 && types.Count != tokens.Count) problems.Add($"{Key}token_type has {types.Count} entries for {tokens.Count} tokens");
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var id = 0; id < tokens.Count; id++)
            if (!vocabulary.TryAdd(tokens[id], id)) problems.Add($"{Key}tokens: \"{tokens[id]}\" has the ids {vocabulary[tokens[id]]} and {id}");
        var merges = model == "gpt2" ? Merges(metadata, vocabulary, problems) : MergesFromScores(metadata, tokens, vocabulary, problems);
        var roles = Roles(metadata, tokens, problems);
        problems.ThrowIfAny();

        var added = new List<AddedToken>();
        for (var id = 0; id < types.Count; id++)
        {
            var type = (TokenType)(int)types[id];
            if (type is TokenType.Control or TokenType.UserDefined || (type == TokenType.Unknown && model == "llama"))
                added.Add(new(id, tokens[id]) { Special = type != TokenType.UserDefined });
        }
        var file = (model == "gpt2" ? ByteLevel(metadata, vocabulary, merges) : SentencePiece(metadata, vocabulary, merges, roles.Unk)) with { AddedTokens = added };
        var addBos = Flag(metadata, "add_bos_token", model == "llama") && roles.Bos is not null;
        var addEos = Flag(metadata, "add_eos_token", false) && roles.Eos is not null;
        if (addBos || addEos) file = file with { PostProcessor = Around(addBos ? roles.Bos : null, addEos ? roles.Eos : null, vocabulary) };
        return new(file, "The GGUF file's tokenizer", new()
        {
            Bos = roles.Bos,
            Eos = roles.Eos,
            Pad = roles.Pad,
            Unk = roles.Unk,
            EndIds = [.. endKeys.Select(k => Id(metadata, k)).OfType<long>().Where(id => id >= 0 && id < tokens.Count).Select(id => (int)id).Distinct()],
            ChatTemplate = metadata.GetValueOrDefault("tokenizer.chat_template") as string,
        });
    }

    private static TokenizerFile ByteLevel(IReadOnlyDictionary<string, object> metadata, Dictionary<string, int> vocabulary, List<(string, string)> merges)
    {
        var name = metadata.GetValueOrDefault(Key + "pre") as string;
        if (name is null || !preTokenizers.TryGetValue(name, out var preTokenizer))
            throw new NotSupportedException($"tokenizer.ggml.pre is {(name is null ? "missing" : $"\"{name}\"")}; known are {string.Join(", ", preTokenizers.Keys)}. Lay the model's tokenizer.json beside the file.");
        return new()
        {
            Model = new() { Vocabulary = vocabulary, Merges = merges },
            PreTokenizer = preTokenizer(),
            Decoder = Node("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"""),
        };
    }

    private static TokenizerFile SentencePiece(IReadOnlyDictionary<string, object> metadata, Dictionary<string, int> vocabulary, List<(string, string)> merges, string? unknown)
    {
        var replace = Node("""{"type":"Replace","pattern":{"String":" "},"content":"▁"}""");
        var prefix = Flag(metadata, "add_space_prefix", true);
        return new()
        {
            Model = new() { Vocabulary = vocabulary, Merges = merges, UnknownToken = unknown, FuseUnknown = true, ByteFallback = true },
            SentencePiecePrefix = prefix,
            Normalizer = prefix ? new JsonObject { ["type"] = "Sequence", ["normalizers"] = new JsonArray(Node("""{"type":"Prepend","prepend":"▁"}"""), replace) } : replace,
            Decoder = Node("""{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}"""
                + (prefix ? """,{"type":"Strip","content":" ","start":1,"stop":0}]}""" : "]}")),
        };
    }

    private static JsonObject Around(string? bos, string? eos, Dictionary<string, int> vocabulary)
    {
        JsonArray Parts(params string[] texts)
        {
            var parts = new JsonArray();
            for (var i = 0; i < texts.Length; i++)
            {
                if (bos is not null) parts.Add((JsonNode)new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = bos, ["type_id"] = i } });
                parts.Add((JsonNode)new JsonObject { ["Sequence"] = new JsonObject { ["id"] = texts[i], ["type_id"] = i } });
                if (eos is not null) parts.Add((JsonNode)new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = eos, ["type_id"] = i } });
            }
            return parts;
        }

        var special = new JsonObject();
        foreach (var token in new[] { bos, eos }.OfType<string>().Distinct())
            special[token] = new JsonObject { ["id"] = token, ["ids"] = new JsonArray(vocabulary[token]), ["tokens"] = new JsonArray(token) };
        return new() { ["type"] = "TemplateProcessing", ["single"] = Parts("A"), ["pair"] = Parts("A", "B"), ["special_tokens"] = special };
    }

    private static List<(string, string)> Merges(IReadOnlyDictionary<string, object> metadata, Dictionary<string, int> vocabulary, Problems problems)
    {
        var merges = new List<(string, string)>();
        foreach (var merge in Strings(metadata, "merges", problems))
            if (merge.IndexOf(' ', 1) is > 0 and var at && vocabulary.ContainsKey(merge[..at])) merges.Add((merge[..at], merge[(at + 1)..]));
            else problems.Add($"{Key}merges: \"{merge}\" is not two tokens of the vocabulary");
        if (merges.Count == 0) problems.Add($"{Key}merges is missing or empty");
        return merges;
    }

    // SentencePiece merges the pair whose piece scores best: as ranks, pieces in order of score, and of each all ways to make it from two others.
    private static List<(string, string)> MergesFromScores(IReadOnlyDictionary<string, object> metadata, List<string> tokens, Dictionary<string, int> vocabulary, Problems problems)
    {
        var scores = Numbers(metadata, "scores", problems);
        if (scores.Count != tokens.Count)
        {
            problems.Add($"{Key}scores has {scores.Count} entries for {tokens.Count} tokens");
            return [];
        }
        var merges = new List<(string Left, string Right, double Score)>();
        for (var id = 0; id < tokens.Count; id++)
            merges.AddRange(Enumerable.Range(1, Math.Max(0, tokens[id].Length - 1)).Select(cut => (Left: tokens[id][..cut], Right: tokens[id][cut..], scores[id]))
                .Where(m => vocabulary.ContainsKey(m.Left) && vocabulary.ContainsKey(m.Right)).OrderBy(m => vocabulary[m.Left]).ThenBy(m => vocabulary[m.Right]));
        return [.. merges.OrderByDescending(m => m.Score).ThenByDescending(m => m.Left.Length).ThenByDescending(m => m.Right.Length).Select(m => (m.Left, m.Right))];
    }

    private static (string? Bos, string? Eos, string? Pad, string? Unk) Roles(IReadOnlyDictionary<string, object> metadata, List<string> tokens, Problems problems)
    {
        string? Named(string key)
        {
            if (Id(metadata, key) is not { } id) return null;
            if (id >= 0 && id < tokens.Count) return tokens[(int)id];
            problems.Add($"{Key}{key} is {id}, outside the {tokens.Count} tokens");
            return null;
        }

        return (Named("bos_token_id"), Named("eos_token_id"), Named("padding_token_id"), Named("unknown_token_id"));
    }

    // −1, as signed or unsigned number, is how llama.cpp writes that there is no such token.
    private static long? Id(IReadOnlyDictionary<string, object> metadata, string key) =>
        metadata.GetValueOrDefault(Key + key) is IConvertible value and not string && (long)value.ToDouble(CultureInfo.InvariantCulture) is var id and not (-1 or uint.MaxValue) ? id : null;

    private static bool Flag(IReadOnlyDictionary<string, object> metadata, string key, bool fallback) => metadata.GetValueOrDefault(Key + key) is bool flag ? flag : fallback;

    private static List<string> Strings(IReadOnlyDictionary<string, object> metadata, string key, Problems problems)
    {
        var list = new List<string>();
        if (metadata.GetValueOrDefault(Key + key) is IEnumerable items and not string)
            foreach (var item in items)
                if (item is string text) list.Add(text);
                else problems.Add($"{Key}{key}[{list.Count}] is not a string");
        return list;
    }

    private static List<double> Numbers(IReadOnlyDictionary<string, object> metadata, string key, Problems problems)
    {
        var list = new List<double>();
        if (metadata.GetValueOrDefault(Key + key) is IEnumerable items and not string)
            foreach (var item in items)
                if (item is IConvertible number and not string) list.Add(number.ToDouble(CultureInfo.InvariantCulture));
                else problems.Add($"{Key}{key}[{list.Count}] is not a number");
        return list;
    }

    private static JsonNode Node(string json) => JsonNode.Parse(json)!;

    private static JsonNode Gpt2() => Node("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""");

    private static JsonObject DigitsThenGpt2() => new JsonObject
    {
        ["type"] = "Sequence",
        ["pretokenizers"] = new JsonArray(Node("""{"type":"Digits","individual_digits":true}"""), Gpt2()),
    };
}
