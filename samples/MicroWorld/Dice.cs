namespace MicroWorld;

/// <summary>A generator of random numbers whose sequence depends on the seed alone: not on the machine, the runtime or its version.</summary>
/// <remarks>SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.</remarks>
public sealed class Dice(ulong seed)
{
    private ulong state = seed;

    /// <summary>The dice of one document: document i is the same however many documents are made.</summary>
    public static Dice Of(ulong seed, int document) => new(Mix(seed + 1) ^ Mix((ulong)document * 0x9E3779B97F4A7C15UL + 0x632BE59BD9B4E019UL));

    /// <summary>A whole number from 0 to <paramref name="count"/> − 1.</summary>
    public int Below(int count) => (int)Math.BigMul(Next(), (ulong)count, out _);

    /// <summary>A whole number from <paramref name="low"/> to <paramref name="high"/>, both included.</summary>
    public int Between(int low, int high) => low + Below(high - low + 1);

    /// <summary>True in so many of a hundred throws.</summary>
    public bool Chance(int percent) => Below(100) < percent;

    /// <summary>One of the choices, each equally likely.</summary>
    public T Pick<T>(IReadOnlyList<T> choices) => choices[Below(choices.Count)];

    /// <summary>One of the choices, in proportion to their weights.</summary>
    public T Pick<T>(IReadOnlyList<(int Weight, T Value)> choices)
    {
        var left = Below(choices.Sum(c => c.Weight));
        foreach (var (weight, value) in choices)
            if ((left -= weight) < 0) return value;
        throw new ArgumentException("No choice has a weight.", nameof(choices));
    }

    /// <summary>Some different choices, in random order.</summary>
    public List<T> Some<T>(IReadOnlyList<T> choices, int count)
    {
        var left = choices.ToList();
        var taken = new List<T>(count);
        while (taken.Count < count)
        {
            var at = Below(left.Count);
            taken.Add(left[at]);
            left.RemoveAt(at);
        }
        return taken;
    }

    private ulong Next() => Mix(state += 0x9E3779B97F4A7C15UL);

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
