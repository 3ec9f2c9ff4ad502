using System.Globalization;

namespace Weft.Adapters;

/// <summary>Positions counted from the first and from the last real token of a row, written <c>f2+l2</c>.</summary>
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
        var (first, last) = (0, 0);
        foreach (var part in text.Split('+'))
        {
            if (part.Length < 2 || !int.TryParse(part[1..], NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count == 0 || part[0] is not ('f' or 'l'))
                throw new ArgumentException($"positions \"{text}\" is not understood at \"{part}\". Write f and a count for the first tokens, l for the last, joined by +: f2+l2.");
            if (part[0] == 'f') first = count;
            else last = count;
        }
        return new TokenPositions(text, first, last);
    }

    /// <summary>1 at the selected tokens, (batch, tokens, 1), fp32.</summary>
    /// <param name="mask">1 where a token is real (batch, tokens), int64.</param>
    internal Tensor Of(Tensor mask)
    {
        using var scope = NewDisposeScope();
        var fromFirst = mask.cumsum(1);
        var fromLast = mask.sum(1, keepdim: true) - fromFirst + 1;
        return fromFirst.le(First).logical_or(fromLast.le(Last)).logical_and(mask.ne(0)).to(ScalarType.Float32).unsqueeze(-1).MoveToOuterDisposeScope();
    }
}
