namespace Weft.Cli;

/// <summary>The known name a mistyped one most likely means.</summary>
internal static class NearestName
{
    /// <summary>The nearest of the known names, or null where none is near.</summary>
    /// <param name="typed">What was typed.</param>
    /// <param name="known">What there is.</param>
    public static string? Of(string typed, IEnumerable<string> known)
    {
        var nearest = known.Select(k => (Name: k, Distance: Distance(typed.ToLowerInvariant(), k.ToLowerInvariant())))
            .OrderBy(k => k.Distance).ThenBy(k => k.Name, StringComparer.Ordinal).FirstOrDefault();
        return nearest.Name is not null && nearest.Distance <= Math.Max(1, Math.Min(typed.Length, nearest.Name.Length) / 3 + 1) ? nearest.Name : null;
    }

    /// <summary> Did you mean "X"? — or nothing.</summary>
    public static string Question(string typed, IEnumerable<string> known) => Of(typed, known) is { } name ? $" Did you mean {name}?" : "";

    /// <summary>Letters to insert, leave out, change or swap with their neighbour.</summary>
    internal static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++) d[i, 0] = i;
        for (var j = 0; j <= b.Length; j++) d[0, j] = j;
        for (var i = 1; i <= a.Length; i++)
            for (var j = 1; j <= b.Length; j++)
            {
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        return d[a.Length, b.Length];
    }
}
