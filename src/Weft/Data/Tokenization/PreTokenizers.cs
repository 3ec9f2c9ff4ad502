using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data.Tokenization;

/// <summary>A step that cuts a text into the words that the model sees one by one.</summary>
internal abstract class PreTokenizer
{
    private static readonly string[] known = ["ByteLevel", "Digits", "Metaspace", "Sequence"];

    /// <summary>Whether the model is to read the words' bytes.</summary>
    public virtual bool ByteLevel => false;

    /// <summary>Cuts each piece; <paramref name="track"/> keeps the alignment where a piece's text changes.</summary>
    public abstract List<Piece> Apply(List<Piece> pieces, bool track);

    /// <summary>The pre-tokenizer a tokenizer.json describes; null where it has none.</summary>
    public static PreTokenizer? Read(JsonNode? json, string where, Problems problems)
    {
        if (json is null) return null;
        switch (json.Type(where, "a pre-tokenizer", known, problems))
        {
            case "ByteLevel": return new ByteLevelPreTokenizer(json.Flag("add_prefix_space", true, where, problems), json.Flag("use_regex", true, where, problems));
            case "Digits": return new DigitsPreTokenizer(json.Flag("individual_digits", false, where, problems));
            case "Metaspace":
                var space = Metaspace.Read(json, where, problems);
                return new MetaspacePreTokenizer(space, json.Flag("split", true, where, problems));
            case "Sequence":
                PreTokenizer[] parts = [.. json.Items("pretokenizers", where, problems).Select((n, i) => Read(n, $"{where}[{i}]", problems)).OfType<PreTokenizer>()];
                if (parts.SkipLast(1).Any(p => p.ByteLevel)) problems.Add($"{where}: ByteLevel must be the last of its Sequence; after it this engine has bytes, no text");
                return new PreTokenizerSequence(parts);
            default: return null;
        }
    }
}

/// <summary>GPT-2's words, read by the model as bytes.</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool cut) : PreTokenizer
{
    public override bool ByteLevel => true;

    public override List<Piece> Apply(List<Piece> pieces, bool track)
    {
        var words = new List<Piece>(pieces.Count);
        foreach (var given in pieces)
        {
            var piece = given;
            if (addPrefixSpace && piece.Length > 0 && piece.Span[0] != ' ')
                piece = piece with { Text = piece.Text.Slice(piece.Start, piece.Length).Prepend(" ", track), Start = 0, Length = piece.Length + 1 };
            if (!cut)
            {
                words.Add(piece);
                continue;
            }
            var text = piece.Span;
            for (int start = 0, end; start < text.Length; start = end)
            {
                end = Gpt2Split.End(text, start);
                words.Add(piece with { Start = piece.Start + start, Length = end - start });
            }
        }
        return words;
    }
}

/// <summary>Cuts numbers out, each digit on its own or a run of digits together.</summary>
internal sealed class DigitsPreTokenizer(bool individual) : PreTokenizer
{
    public override List<Piece> Apply(List<Piece> pieces, bool track)
    {
        var words = new List<Piece>(pieces.Count);
        foreach (var piece in pieces)
        {
            var text = piece.Span;
            var start = 0;
            var inNumber = false;
            for (int i = 0, width; i < text.Length; i += width)
            {
                var number = Gpt2Split.IsNumber(text, i, out width);
                if (i > start && (number != inNumber || (number && individual)))
                {
                    words.Add(piece with { Start = piece.Start + start, Length = i - start });
                    start = i;
                }
                inNumber = number;
            }
            if (start < text.Length) words.Add(piece with { Start = piece.Start + start, Length = text.Length - start });
        }
        return words;
    }
}

/// <summary>How spaces are written and when one is put in front: shared by the Metaspace pre-tokenizer and decoder.</summary>
internal sealed record Metaspace(string Replacement, string PrependScheme)
{
    public static Metaspace Read(JsonNode json, string where, Problems problems)
    {
        var replacement = json["replacement"] is null ? "▁" : json.Text("replacement", where, problems);
        if (replacement.EnumerateRunes().Count() != 1) problems.Add($"{where}.replacement is \"{replacement}\", not one character");
        var scheme = json["prepend_scheme"] is null ? json.Flag("add_prefix_space", true, where, problems) ? "always" : "never" : json.Text("prepend_scheme", where, problems);
        if (scheme is not ("always" or "first" or "never")) problems.Add($"{where}.prepend_scheme is \"{scheme}\", not always, first or never");
        return new(replacement, scheme);
    }
}

/// <summary>Writes spaces as a visible character and cuts before each of them.</summary>
internal sealed class MetaspacePreTokenizer(Metaspace space, bool cut) : PreTokenizer
{
    public override List<Piece> Apply(List<Piece> pieces, bool track)
    {
        var words = new List<Piece>(pieces.Count);
        foreach (var piece in pieces)
        {
            if (piece.Length == 0) continue;
            var first = piece.Text.From(piece.Start) == 0;
            var text = piece.Text.Slice(piece.Start, piece.Length).Replace(" ", space.Replacement, track);
            if ((space.PrependScheme == "always" || (space.PrependScheme == "first" && first)) && !text.Text.StartsWith(space.Replacement, StringComparison.Ordinal))
                text = text.Prepend(space.Replacement, track);
            for (int start = 0, end; start < text.Text.Length; start = end)
            {
                end = cut ? text.Text.IndexOf(space.Replacement, start + 1, StringComparison.Ordinal) : -1;
                if (end < 0) end = text.Text.Length;
                words.Add(new(text, start, end - start));
            }
        }
        return words;
    }
}

/// <summary>Pre-tokenizers one after the other.</summary>
internal sealed class PreTokenizerSequence(IReadOnlyList<PreTokenizer> parts) : PreTokenizer
{
    public override bool ByteLevel => parts.Any(p => p.ByteLevel);

    public override List<Piece> Apply(List<Piece> pieces, bool track)
    {
        foreach (var part in parts) pieces = part.Apply(pieces, track);
        return pieces;
    }
}
