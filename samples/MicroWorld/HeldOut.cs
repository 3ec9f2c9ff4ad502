namespace MicroWorld;

/// <summary>The root of the separation: says of every name, price and date on which side it lies.</summary>
/// <remarks>
/// One value in sixteen is held out, chosen by a hash of its text. Whole values are reserved, never their parts: each syllable, pair of
/// syllables, digit, month and year of a held-out value also occurs in training, in another value.
/// </remarks>
public static class HeldOut
{
    /// <summary>Whether a value belongs to a part. Upper and lower case count as the same, so a word and a name never share a text across parts.</summary>
    public static bool Belongs(string value, Part part) => IsReserved(value) == (part == Part.HeldOut);

    /// <summary>Draws until a value of the part comes.</summary>
    public static string Draw(Part part, Func<string> draw)
    {
        while (true)
        {
            var value = draw();
            if (Belongs(value, part)) return value;
        }
    }

    // FNV-1a, its high bits: string.GetHashCode differs from run to run
    private static bool IsReserved(string value)
    {
        var hash = 0xCBF29CE484222325UL;
        foreach (var letter in value.ToLowerInvariant()) hash = (hash ^ letter) * 0x100000001B3UL;
        return (hash ^ (hash >> 32)) % 16 == 3;
    }
}
