using System.Globalization;
using System.Text;

namespace Weft.Data.Tokenization;

/// <summary>A token that is looked for in the text before the model sees it.</summary>
internal sealed record AddedToken(int Id, string Content)
{
    public bool Special { get; init; }
    public bool SingleWord { get; init; }
    public bool LeftStrip { get; init; }
    public bool RightStrip { get; init; }

    /// <summary>Whether it is looked for in the normalised text.</summary>
    public bool Normalized { get; init; }
}

/// <summary>Finds added tokens in a text: leftmost first, the longest where several start at one place.</summary>
internal sealed class AddedTokens
{
    private readonly Dictionary<char, (string Text, AddedToken Token)[]> byFirst;
    private readonly System.Buffers.SearchValues<char> firsts;

    /// <param name="tokens">The tokens and the text by which each is found (the normalised content where it is looked for in normalised text).</param>
    public AddedTokens(IEnumerable<(string Text, AddedToken Token)> tokens)
    {
        byFirst = tokens.Where(t => t.Text.Length > 0).GroupBy(t => t.Text[0]).ToDictionary(g => g.Key, g => g.OrderByDescending(t => t.Text.Length).ToArray());
        firsts = System.Buffers.SearchValues.Create([.. byFirst.Keys]);
    }

    /// <summary>The stretches of a text in order: added tokens, and what lies between them (token null).</summary>
    /// <param name="text">The text.</param>
    /// <param name="parseSpecial">Whether a special token found from one unit to another counts.</param>
    /// <param name="cutLiteral">Whether a special token that does not count is still a stretch of its own.</param>
    public IEnumerable<(AddedToken? Token, int Start, int End)> Split(string text, Func<int, int, bool> parseSpecial, bool cutLiteral = false)
    {
        var done = 0;
        for (var at = 0; byFirst.Count > 0 && at < text.Length;)
        {
            var step = text.AsSpan(at).IndexOfAny(firsts);
            if (step < 0) break;
            at += step;
            if (Match(text, at) is not var (content, token))
            {
                at++;
                continue;
            }
            var (start, end) = (at, at + content.Length);
            at = end;
            if (token.Special && !parseSpecial(start, end))
            {
                if (!cutLiteral) continue;
                if (start > done) yield return (null, done, start);
                yield return (null, start, end);
                done = end;
                continue;
            }
            if (token.SingleWord && (IsWordBefore(text, start) || IsWordAfter(text, end))) continue;
            if (token.LeftStrip)
                while (start > done && char.IsWhiteSpace(text[start - 1])) start--;
            if (token.RightStrip)
                while (end < text.Length && char.IsWhiteSpace(text[end])) end++;
            if (start < done) continue;
            if (start > done) yield return (null, done, start);
            yield return (token, start, end);
            done = end;
        }
        if (done < text.Length) yield return (null, done, text.Length);
    }

    private (string, AddedToken)? Match(string text, int at)
    {
        foreach (var entry in byFirst[text[at]])
            if (string.CompareOrdinal(text, at, entry.Text, 0, entry.Text.Length) == 0) return entry;
        return null;
    }

    private static bool IsWordBefore(string text, int at) => at > 0 && Rune.DecodeLastFromUtf16(text.AsSpan(0, at), out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    private static bool IsWordAfter(string text, int at) => at < text.Length && Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out _) == System.Buffers.OperationStatus.Done && IsWord(rune);

    // \w of Rust's regular expressions, by which the tokenizers library decides: letters, marks, digits, connectors, joiners and letters in circles and squares.
    private static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) is <= UnicodeCategory.OtherLetter
        or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation
        || rune.Value is 0x200C or 0x200D or (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);
}
