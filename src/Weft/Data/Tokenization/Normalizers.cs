using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data.Tokenization;

/// <summary>A step that changes a text before it is cut.</summary>
internal abstract class Normalizer
{
    private static readonly string[] known = ["Prepend", "Replace", "Sequence"];

    public abstract AlignedText Apply(AlignedText text, bool track);

    /// <summary>The normalizer a tokenizer.json describes; null where it has none.</summary>
    public static Normalizer? Read(JsonNode? json, string where, Problems problems)
    {
        if (json is null) return null;
        switch (json.Type(where, "a normalizer", known, problems))
        {
            case "Prepend": return new PrependNormalizer(json.Text("prepend", where, problems));
            case "Replace": return new ReplaceNormalizer(json.Pattern(where, problems), json.Text("content", where, problems));
            case "Sequence": return new NormalizerSequence([.. json.Items("normalizers", where, problems).Select((n, i) => Read(n, $"{where}[{i}]", problems)).OfType<Normalizer>()]);
            default: return null;
        }
    }
}

/// <summary>Puts a text in front, where there is anything to stand in front of.</summary>
internal sealed class PrependNormalizer(string head) : Normalizer
{
    public override AlignedText Apply(AlignedText text, bool track) => text.Prepend(head, track);
}

/// <summary>Replaces every occurrence of a string.</summary>
internal sealed class ReplaceNormalizer(string pattern, string content) : Normalizer
{
    public override AlignedText Apply(AlignedText text, bool track) => pattern.Length == 0 ? text : text.Replace(pattern, content, track);
}

/// <summary>Normalizers one after the other.</summary>
internal sealed class NormalizerSequence(IReadOnlyList<Normalizer> parts) : Normalizer
{
    public override AlignedText Apply(AlignedText text, bool track)
    {
        foreach (var part in parts) text = part.Apply(text, track);
        return text;
    }
}
