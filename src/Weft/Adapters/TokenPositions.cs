using System.Globalization;

namespace Weft.Adapters;

/// <summary>Positions counted from the first and from the last token of a prompt, or of a document that has none, written <c>f2+l2</c>.</summary>
public sealed record TokenPositions
{
    private TokenPositions(string text, int first, int last) => (Text, First, Last) = (text, first, last);

    /// <summary>As written.</summary>
    public string Text { get; }

    /// <summary>How many tokens from the first real one on.</summary>
    public int First { get; }

    /// <summary>How many tokens up to the last real one.</summary>
    public int Last { get; }

    /// <summary>Reads <c>f2+l2</c>, <c>f3</c> or <c>l1</c>.</summary>
    /// <exception cref="ArgumentException">Another notation.</exception>
    public static TokenPositions Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (Problem(text) is { } problem) throw new ArgumentException(problem);
        int Count(char kind) => text.Split('+').Where(p => p[0] == kind).Select(p => int.Parse(p[1..], CultureInfo.InvariantCulture)).SingleOrDefault();
        return new TokenPositions(text, Count('f'), Count('l'));
    }

    /// <summary>What is wrong with a notation, or null.</summary>
    internal static string? Problem(string text)
    {
        var parts = text.Split('+');
        var wrong = parts.FirstOrDefault(p => p.Length < 2 || p[0] is not ('f' or 'l') || !int.TryParse(p[1..], NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count == 0)
            ?? parts.GroupBy(p => p[0]).FirstOrDefault(g => g.Count() > 1)?.Last();
        return wrong is null ? null : $"positions \"{text}\" is not understood at \"{wrong}\". Write f and a count for the first tokens, l for the last, joined by +: f2+l2.";
    }

    /// <summary>Whether the token at an index, from 0, of so many is selected.</summary>
    internal bool Has(int index, int count) => index < First || index >= count - Last;
}
