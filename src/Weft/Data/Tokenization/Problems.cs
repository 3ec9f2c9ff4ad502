namespace Weft.Data.Tokenization;

/// <summary>Everything that is wrong with one input, told at once.</summary>
internal sealed class Problems
{
    private const int Shown = 20;
    private readonly List<string> texts = [];
    private int count;

    public bool Any => count > 0;

    public void Add(string text)
    {
        if (count++ < Shown) texts.Add(text);
    }

    public string Describe(string subject) =>
        $"{subject}:" + string.Concat(texts.Select(t => "\n  " + t)) + (count > Shown ? $"\n  … and {count - Shown} more" : "");

    /// <exception cref="InvalidDataException">Something was added.</exception>
    public void ThrowIfAny(string subject)
    {
        if (Any) throw new InvalidDataException(Describe(subject));
    }
}
