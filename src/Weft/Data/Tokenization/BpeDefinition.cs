using System.Text.Json;
using Weft.Checkpoints;

namespace Weft.Data.Tokenization;

/// <summary>A BPE model as tokenizer.json writes it.</summary>
internal sealed record BpeDefinition
{
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>Pairs of tokens in the order in which they are merged.</summary>
    public required IReadOnlyList<(string Left, string Right)> Merges { get; init; }

    /// <summary>What stands for a character that the vocabulary cannot spell.</summary>
    public string? UnknownToken { get; init; }

    /// <summary>Whether neighbouring unknown characters become one token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>Whether a character that is no token is spelt by the tokens &lt;0x00&gt; … &lt;0xFF&gt; of its bytes.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Whether a word that is a token is taken whole, whatever its merges say.</summary>
    public bool IgnoreMerges { get; init; }

    private static readonly string[] off = ["dropout", "continuing_subword_prefix", "end_of_word_suffix"];

    /// <summary>Reads "model" of a tokenizer.json; null after a problem that leaves nothing to read.</summary>
    public static BpeDefinition? Read(JsonElement json, Problems problems)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            problems.Add("model is missing");
            return null;
        }
        var type = json.TryGetProperty("type", out var named) ? named.ToString() : json.TryGetProperty("merges", out _) ? "BPE" : "none";
        if (type != "BPE")
        {
            problems.Add($"model: \"{type}\" is a model that this engine does not have; it has BPE");
            return null;
        }
        foreach (var key in off)
            if (json.TryGetProperty(key, out var value) && value.ValueKind is not JsonValueKind.Null && value.ToString() is not ("" or "0" or "0.0"))
                problems.Add($"model.{key} is {value.GetRawText()}; this engine has BPE without it");
        return new()
        {
            Vocabulary = ReadVocabulary(json, problems),
            Merges = ReadMerges(json, problems),
            UnknownToken = json.TryGetProperty("unk_token", out var unknown) && unknown.ValueKind == JsonValueKind.String ? unknown.GetString() : null,
            FuseUnknown = Flag(json, "fuse_unk"),
            ByteFallback = Flag(json, "byte_fallback"),
            IgnoreMerges = Flag(json, "ignore_merges"),
        };
    }

    private static bool Flag(JsonElement json, string key) => json.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.True;

    private static Dictionary<string, int> ReadVocabulary(JsonElement json, Problems problems)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        if (!json.TryGetProperty("vocab", out var vocab) || vocab.ValueKind != JsonValueKind.Object)
        {
            problems.Add("model.vocab is not an object of tokens and ids");
            return vocabulary;
        }
        var tokenOf = new Dictionary<int, string>();
        foreach (var entry in vocab.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var id) || id is < 0 or > MaxId)
                problems.Add($"model.vocab: the id of \"{entry.Name}\" is {entry.Value.GetRawText()}, not a number from 0 to {MaxId}");
            else if (!vocabulary.TryAdd(entry.Name, id)) problems.Add($"model.vocab: \"{entry.Name}\" stands twice");
            else if (!tokenOf.TryAdd(id, entry.Name)) problems.Add($"model.vocab: \"{tokenOf[id]}\" and \"{entry.Name}\" both have id {id}");
        }
        return vocabulary;
    }

    /// <summary>The largest id taken: four million tokens are more than any vocabulary has, and tables are laid out by id.</summary>
    internal const int MaxId = (1 << 22) - 1;

    private static List<(string, string)> ReadMerges(JsonElement json, Problems problems)
    {
        var merges = new List<(string, string)>();
        if (!json.TryGetProperty("merges", out var list) || list.ValueKind != JsonValueKind.Array)
        {
            problems.Add("model.merges is not a list");
            return merges;
        }
        foreach (var merge in list.EnumerateArray())
        {
            if (merge.ValueKind == JsonValueKind.Array && merge.GetArrayLength() == 2 && merge[0].ValueKind == JsonValueKind.String && merge[1].ValueKind == JsonValueKind.String)
                merges.Add((merge[0].GetString()!, merge[1].GetString()!));
            else if (merge.ValueKind == JsonValueKind.String && merge.GetString()!.Split(' ') is [var left, var right]) merges.Add((left, right));
            else problems.Add($"model.merges[{merges.Count}] is {merge.GetRawText()}, not two tokens");
        }
        return merges;
    }
}
