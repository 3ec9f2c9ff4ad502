namespace Weft.Checkpoints;

/// <summary>Everything found wrong with one input, gathered so that one exception names it all.</summary>
/// <param name="heading">The first line of the message: which input, and what it fails to be.</param>
internal sealed class Problems(string heading)
{
    private const int Shown = 50;
    private readonly List<string> shown = [];
    private long count;

    public bool Any => count > 0;

    /// <summary>Adds a problem that stands at a byte of the file.</summary>
    public void Add(long position, string rule) => Add($"byte {position}: {rule}");

    public void Add(string problem)
    {
        count++;
        if (shown.Count < Shown) shown.Add(problem);
    }

    public InvalidDataException ToException()
    {
        var more = count > shown.Count ? $"\n  and {count - shown.Count} more" : "";
        return new InvalidDataException($"{heading}:{string.Concat(shown.Select(p => $"\n  {p}"))}{more}");
    }

    public void ThrowIfAny()
    {
        if (Any) throw ToException();
    }
}
