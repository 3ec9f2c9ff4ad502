using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data.Tokenization;

/// <summary>What is put around the ids of one text or of a pair.</summary>
internal sealed class PostProcessor
{
    private static readonly string[] known = ["ByteLevel", "Sequence", "TemplateProcessing"];
    private Template? single;
    private Template? pair;
    private bool trims;
    private bool prefixSpace;

    // A part of a template: special ids, or one of the texts (0 or 1).
    private sealed record Part(int[] Ids, string[] Tokens, int Sequence, int Type);

    private sealed record Template(IReadOnlyList<Part> Parts);

    /// <summary>The post-processor a tokenizer.json describes; one that adds nothing where it has none.</summary>
    public static PostProcessor Read(JsonNode? json, string where, Problems problems)
    {
        var processor = new PostProcessor();
        if (json is not null) processor.Add(json, where, problems);
        return processor;
    }

    /// <summary>Ids in front of a text and behind it.</summary>
    public (int[] Before, int[] After) Around()
    {
        if (single is null) return ([], []);
        var at = single.Parts.Select((p, i) => (p, i)).First(x => x.p.Sequence == 0).i;
        return ([.. single.Parts.Take(at).SelectMany(p => p.Ids)], [.. single.Parts.Skip(at + 1).SelectMany(p => p.Ids)]);
    }

    /// <summary>How many ids a text or a pair gains.</summary>
    public int Added(bool isPair) => (isPair ? pair : single)?.Parts.Sum(p => p.Ids.Length) ?? 0;

    /// <summary>Puts the special tokens around one text or between two, in every window that truncation left.</summary>
    public Encoding Process(Encoding a, Encoding? b, bool addSpecialTokens)
    {
        if (trims)
        {
            a = a.TrimOffsets(prefixSpace);
            b = b?.TrimOffsets(prefixSpace);
        }
        a = a.WithSequence(0, 0);
        b = b?.WithSequence(1, 1);
        if ((b is null ? single : pair) is not { } template) return b is null ? a : Encoding.Join(a, b);
        Encoding? result = null;
        foreach (var part in template.Parts)
        {
            Encoding? next = part.Sequence switch
            {
                0 => a.WithSequence(0, part.Type),
                1 => b!.WithSequence(1, part.Type),
                _ => addSpecialTokens ? Encoding.OfSpecial(part.Ids, part.Tokens, part.Type) : null,
            };
            if (next is not null) result = result is null ? next : Encoding.Join(result, next);
        }
        return result!;
    }

    private void Add(JsonNode json, string where, Problems problems)
    {
        switch (json.Type(where, "a post-processor", known, problems))
        {
            case "ByteLevel":
                trims = json.Flag("trim_offsets", true, where, problems);
                prefixSpace = json.Flag("add_prefix_space", true, where, problems);
                break;
            case "TemplateProcessing":
                if (single is not null) problems.Add($"{where}: a second TemplateProcessing");
                single = ReadTemplate(json, "single", where, problems);
                pair = ReadTemplate(json, "pair", where, problems);
                break;
            case "Sequence":
                var i = 0;
                foreach (var part in json.Items("processors", where, problems))
                {
                    var name = $"{where}[{i++}]";
                    if (part is null) problems.Add($"{name} is null");
                    else Add(part, name, problems);
                }
                break;
        }
    }

    private static Template ReadTemplate(JsonNode json, string key, string where, Problems problems)
    {
        var parts = new List<Part>();
        foreach (var item in json.Items(key, where, problems))
        {
            if (item is JsonObject sequence && sequence["Sequence"] is JsonObject text)
                parts.Add(new([], [], text["id"]?.ToString() switch { "A" => 0, "B" => 1, _ => -1 }, text.Number("type_id", 0, where, problems)));
            else if (item is JsonObject special && special["SpecialToken"] is JsonObject token)
            {
                var name = token["id"]?.ToString() ?? "";
                var entry = json["special_tokens"] is JsonObject all && all[name] is JsonObject found ? found : null;
                if (entry?["ids"] is JsonArray ids && entry["tokens"] is JsonArray tokens && ids.Count == tokens.Count && ids.All(n => n is JsonValue v && v.TryGetValue<int>(out var id) && id >= 0))
                    parts.Add(new([.. ids.Select(n => n!.GetValue<int>())], [.. tokens.Select(t => t?.ToString() ?? "")], -1, token.Number("type_id", 0, where, problems)));
                else problems.Add($"{where}.{key} names the special token \"{name}\", but special_tokens has no ids and tokens for it");
            }
            else problems.Add($"{where}.{key} holds {item?.ToJsonString() ?? "null"}, neither a Sequence nor a SpecialToken");
        }
        int[] expected = key == "single" ? [0] : [0, 1];
        int[] texts = [.. parts.Where(p => p.Ids.Length == 0 && p.Tokens.Length == 0).Select(p => p.Sequence)];
        if (!texts.Order().SequenceEqual(expected)) problems.Add($"{where}.{key} must hold {(key == "single" ? "the Sequence A once" : "the Sequences A and B once each")}");
        return new(parts);
    }
}
