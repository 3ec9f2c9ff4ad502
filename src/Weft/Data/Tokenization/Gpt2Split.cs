using System.Globalization;

namespace Weft.Data.Tokenization;

/// <summary>GPT-2's rule for cutting a text into words, on code points.</summary>
/// <remarks>
/// <code>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</code>
/// Written by hand: a .NET regular expression sees surrogate halves where the rule means letters.
/// </remarks>
internal static class Gpt2Split
{
    private enum Kind { Space, Letter, Number, Other }

    /// <summary>Where the word that starts at <paramref name="start"/> ends.</summary>
    public static int End(ReadOnlySpan<char> text, int start)
    {
        if (text[start] == '\'' && Contraction(text[start..]) is > 0 and var length) return start + length;
        var kind = KindAt(text, start, out var width);
        var next = start + width;
        if (kind == Kind.Space)
        {
            var spaced = text[start] == ' ' && next < text.Length ? KindAt(text, next, out width) : Kind.Space;
            if (spaced == Kind.Space)
            {
                while (next < text.Length && KindAt(text, next, out _) == Kind.Space) next++;
                return next < text.Length && next - start > 1 ? next - 1 : next;
            }
            kind = spaced;
            next += width;
        }
        while (next < text.Length && KindAt(text, next, out width) == kind) next += width;
        return next;
    }

    /// <summary>Whether a character counts as a digit for the Digits pre-tokenizer: categories Nd, Nl and No.</summary>
    public static bool IsNumber(ReadOnlySpan<char> text, int at, out int width) => KindAt(text, at, out width) == Kind.Number;

    private static int Contraction(ReadOnlySpan<char> text)
    {
        if (text.Length < 2) return 0;
        if (text[1] is 's' or 't' or 'm' or 'd') return 2;
        return text.Length > 2 && text.Slice(1, 2) is "re" or "ve" or "ll" ? 3 : 0;
    }

    private static Kind KindAt(ReadOnlySpan<char> text, int at, out int width)
    {
        var letter = text[at];
        width = 1;
        if (letter < 128)
            return letter switch
            {
                >= 'a' and <= 'z' or >= 'A' and <= 'Z' => Kind.Letter,
                >= '0' and <= '9' => Kind.Number,
                ' ' or >= '\t' and <= '\r' => Kind.Space,
                _ => Kind.Other,
            };
        UnicodeCategory category;
        if (char.IsHighSurrogate(letter) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]))
        {
            width = 2;
            category = CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(letter, text[at + 1]));
        }
        else if (char.IsWhiteSpace(letter)) return Kind.Space;
        else category = CharUnicodeInfo.GetUnicodeCategory(letter);
        return category switch
        {
            <= UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Other,
        };
    }
}
