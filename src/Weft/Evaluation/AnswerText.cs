using System.Text;

namespace Weft.Evaluation;

/// <summary>The text of an answer while its ids come in: what is certain, and where a stop string is reached.</summary>
/// <remarks>
/// A few ids before the new ones are decoded with them and their own text is taken off, so that a decoder that strips the first space
/// or joins bytes into characters works as it does on the whole.
/// </remarks>
internal sealed class AnswerText
{
    private const int Context = 6;
    private const char Unfinished = '�';
    private readonly Func<IReadOnlyList<int>, string> decode;
    private readonly IReadOnlyList<string> stops;
    private readonly int longest;
    private readonly List<int> ids;
    private readonly StringBuilder text = new();
    private string before;
    private int start, read, given;

    public AnswerText(Func<IReadOnlyList<int>, string> decode, IReadOnlyList<int> prompt, IReadOnlyList<string> stops)
    {
        (this.decode, this.stops, longest) = (decode, stops, stops.Select(s => s.Length).DefaultIfEmpty(1).Max());
        ids = [.. prompt.Skip(prompt.Count - Context)];
        read = ids.Count;
        before = stops.Count == 0 ? "" : decode(prompt);
        before = before[Math.Max(0, before.Length - (longest - 1))..];
    }

    /// <summary>The text so far, held-back parts included.</summary>
    public override string ToString() => text.ToString();

    /// <summary>Takes an id; true when its text completes a stop string, which is then cut off.</summary>
    public bool Append(int id)
    {
        ids.Add(id);
        var (known, all) = (decode(ids[start..read]), decode(ids[start..]));
        if (all.Length <= known.Length || all[^1] == Unfinished) return false;
        var piece = all[Common(known, all)..];
        (start, read) = (read, ids.Count);
        return Add(piece);
    }

    /// <summary>Adds what was held back because a character was not finished.</summary>
    public void Flush()
    {
        if (read == ids.Count) return;
        var (known, all) = (decode(ids[start..read]), decode(ids[start..]));
        (start, read) = (read, ids.Count);
        text.Append(all[Common(known, all)..]);
    }

    /// <summary>The text not taken before: up to what may be the beginning of a stop string, or all of it at the end.</summary>
    public string Take(bool all)
    {
        var sure = all ? text.Length : text.Length - Beginning();
        if (sure <= given) return "";
        var taken = text.ToString(given, sure - given);
        given = sure;
        return taken;
    }

    private bool Add(string piece)
    {
        var (old, written) = (before.Length, text.Length);
        text.Append(piece);
        if (stops.Count == 0) return false;
        var seen = before + piece;
        var first = -1;
        foreach (var stop in stops)
        {
            var at = seen.IndexOf(stop, Math.Max(0, old - stop.Length + 1), StringComparison.Ordinal); // a match touches the new text
            if (at >= 0 && (first < 0 || at < first)) first = at;
        }
        before = seen[Math.Max(0, seen.Length - (longest - 1))..];
        if (first < 0) return false;
        text.Length = Math.Max(0, written - (old - first)); // it may begin before the answer
        return true;
    }

    // Length of the longest end of the text that a stop string begins with.
    private int Beginning()
    {
        for (var length = Math.Min(longest - 1, text.Length); length > 0; length--)
        {
            var end = text.ToString(text.Length - length, length);
            if (stops.Any(s => s.Length > length && s.StartsWith(end, StringComparison.Ordinal))) return length;
        }
        return 0;
    }

    private static int Common(string a, string b)
    {
        var length = 0;
        while (length < a.Length && length < b.Length && a[length] == b[length]) length++;
        return length;
    }
}
