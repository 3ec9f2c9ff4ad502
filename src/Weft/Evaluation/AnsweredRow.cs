namespace Weft.Evaluation;

/// <summary>A row's wanted answer and the generated one.</summary>
/// <param name="Expected">What was wanted.</param>
/// <param name="Answer">What was generated.</param>
public sealed record AnsweredRow(string Expected, Generated Answer)
{
    /// <summary>Whether both are the same, white space around them apart.</summary>
    public bool Matches => Answer.Text.AsSpan().Trim().SequenceEqual(Expected.AsSpan().Trim());
}
