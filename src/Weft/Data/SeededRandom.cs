namespace Weft.Data;

/// <summary>Random numbers that are the same for a seed on every machine and in every version of .NET.</summary>
/// <remarks>SplitMix64 (Steele, Lea, Flood, 2014).</remarks>
public sealed class SeededRandom
{
    private ulong state;

    /// <summary>Starts the sequence of a seed; a stream (an epoch, say) gives an unrelated sequence of the same seed.</summary>
    public SeededRandom(long seed, long stream = 0)
    {
        state = unchecked((ulong)seed);
        state = Next() ^ unchecked((ulong)stream * 0xD1342543DE82EF95);
    }

    /// <summary>The next 64 bits.</summary>
    public ulong Next()
    {
        unchecked
        {
            var z = state += 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }

    /// <summary>A whole number from 0 to <paramref name="limit"/> − 1, every one equally likely.</summary>
    public int Below(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        var uneven = unchecked(0UL - (uint)limit) % (uint)limit; // 2⁶⁴ mod limit: values below it would make small results likelier
        ulong bits;
        do bits = Next();
        while (bits < uneven);
        return (int)(bits % (uint)limit);
    }

    /// <summary>Puts a list into random order (Fisher, Yates).</summary>
    public void Shuffle<T>(IList<T> list)
    {
        ArgumentNullException.ThrowIfNull(list);
        for (var i = list.Count - 1; i > 0; i--)
        {
            var j = Below(i + 1);
            (list[i], list[j]) = (list[j], list[i]);
        }
    }
}
