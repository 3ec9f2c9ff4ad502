namespace Weft.Data;

/// <summary>Which text of a pair is cut.</summary>
public enum TruncationStrategy
{
    /// <summary>The longer one, then both.</summary>
    LongestFirst,

    /// <summary>Only the first.</summary>
    OnlyFirst,

    /// <summary>Only the second.</summary>
    OnlySecond,
}

/// <summary>How an encoding is cut to a length; the rules are the tokenizers library's.</summary>
/// <param name="Length">Most tokens, special ones included.</param>
/// <param name="Stride">Tokens that neighbouring windows share.</param>
/// <param name="Strategy">Which text of a pair is cut.</param>
/// <param name="Left">Whether tokens are cut at the start instead of the end.</param>
public sealed record Truncation(int Length, int Stride = 0, TruncationStrategy Strategy = TruncationStrategy.LongestFirst, bool Left = false)
{
    internal (Encoding A, Encoding? B) Apply(Encoding a, Encoding? b, int special)
    {
        var room = Length - special;
        if (room < 0) throw new ArgumentException($"A length of {Length} tokens has no room for the {special} special ones.");
        var (first, second) = (a.Ids.Count, b?.Ids.Count ?? 0);
        var excess = first + second - room;
        if (excess <= 0) return (a, b);
        if (room == 0) return (Cut(a, 0), b is null ? null : Cut(b, 0));
        if (Strategy == TruncationStrategy.LongestFirst)
        {
            if (b is null) return (Cut(a, room), null);
            var (shorter, longer) = (Math.Min(first, second), Math.Max(first, second));
            longer = shorter > room ? shorter : Math.Max(shorter, room - shorter);
            if (shorter + longer > room) (shorter, longer) = (room / 2, room / 2 + room % 2);
            return first > second ? (Cut(a, longer), Cut(b, shorter)) : (Cut(a, shorter), Cut(b, longer));
        }
        var target = Strategy == TruncationStrategy.OnlyFirst ? first : second;
        if (b is null && Strategy == TruncationStrategy.OnlySecond) throw new ArgumentException("Only the second text was to be cut, but there is one text.");
        if (target <= excess)
            throw new ArgumentException($"The {(Strategy == TruncationStrategy.OnlyFirst ? "first" : "second")} text has {target} tokens, but {excess} must go to reach {Length}. Cut the other one, or both.");
        return Strategy == TruncationStrategy.OnlyFirst ? (Cut(a, first - excess), b) : (a, Cut(b!, second - excess));
    }

    private Encoding Cut(Encoding encoding, int length) => encoding.Truncate(length, Stride, Left);
}
