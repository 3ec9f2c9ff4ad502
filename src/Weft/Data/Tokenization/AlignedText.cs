namespace Weft.Data.Tokenization;

/// <summary>A text and, for each of its UTF-16 units, the span of the original text from which it came.</summary>
/// <remarks>Without spans (<paramref name="from"/> null) unit i came from unit <paramref name="origin"/> + i; that is also the cheap form where nobody asks for offsets.</remarks>
internal sealed class AlignedText(string text, int origin = 0, int[]? from = null, int[]? to = null)
{
    /// <summary>The text as it is now.</summary>
    public string Text => text;

    /// <summary>Where in the original the unit's character starts.</summary>
    public int From(int unit) => from is null ? origin + unit : from[unit];

    /// <summary>Where in the original the unit's character ends.</summary>
    public int To(int unit) => to is null ? origin + unit + 1 : to[unit];

    /// <summary>A part of the text, aligned to the same original.</summary>
    public AlignedText Slice(int start, int length) => start == 0 && length == text.Length
        ? this
        : new(text.Substring(start, length), origin + start, from?[start..(start + length)], to?[start..(start + length)]);

    /// <summary>The text with something in front, which counts as coming from the first character.</summary>
    public AlignedText Prepend(string head, bool track)
    {
        if (text.Length == 0 || head.Length == 0) return this;
        if (!track) return new(head + text, origin);
        var (starts, ends) = (new int[head.Length + text.Length], new int[head.Length + text.Length]);
        var first = char.IsHighSurrogate(text[0]) && text.Length > 1 ? To(1) : To(0);
        for (var i = 0; i < starts.Length; i++)
            (starts[i], ends[i]) = i < head.Length ? (From(0), first) : (From(i - head.Length), To(i - head.Length));
        return new(head + text, origin, starts, ends);
    }

    /// <summary>The text with every occurrence of a pattern replaced; what stands instead counts as coming from the whole occurrence.</summary>
    public AlignedText Replace(string pattern, string content, bool track)
    {
        if (!text.Contains(pattern, StringComparison.Ordinal)) return this;
        var replaced = text.Replace(pattern, content, StringComparison.Ordinal);
        if (!track || (pattern.Length == 1 && content.Length == 1)) return new(replaced, origin, from, to);
        var (starts, ends) = (new List<int>(replaced.Length), new List<int>(replaced.Length));
        for (var i = 0; i < text.Length;)
        {
            var found = string.CompareOrdinal(text, i, pattern, 0, pattern.Length) == 0;
            var units = found ? content.Length : 1;
            var last = found ? i + pattern.Length - 1 : i;
            for (var j = 0; j < units; j++)
            {
                starts.Add(From(i));
                ends.Add(To(last));
            }
            i = last + 1;
        }
        return new(replaced, origin, [.. starts], [.. ends]);
    }
}

/// <summary>A stretch of a text: what a model gets as one word.</summary>
internal readonly record struct Piece(AlignedText Text, int Start, int Length)
{
    public ReadOnlySpan<char> Span => Text.Text.AsSpan(Start, Length);
}
