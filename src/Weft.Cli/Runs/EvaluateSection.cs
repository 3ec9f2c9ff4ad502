namespace Weft.Cli.Runs;

/// <summary>How the result is judged on the held-out rows, before and after training.</summary>
internal sealed record EvaluateSection
{
    /// <summary>Whether generated answers are compared with the rows' completions, letter for letter: true for all held-out rows, a number for the first so many.</summary>
    [OneOf(typeof(bool), typeof(int))] public object ExactMatch { get; init; } = false;

    /// <summary>Completions to choose from; the likelier one is the answer, and the share of right ones is counted.</summary>
    public IReadOnlyList<string>? Choices { get; init; }

    /// <summary>Most tokens of a generated answer.</summary>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Rows answered at a time.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Answers shown side by side, before and after.</summary>
    public int Samples { get; init; } = 3;
}
