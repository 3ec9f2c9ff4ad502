namespace Weft.Evaluation;

/// <summary>How answers are generated and when they end.</summary>
public sealed record GenerationOptions
{
    /// <summary>How each token is chosen.</summary>
    public Sampling Sampling { get; init; } = Sampling.Greedy;

    /// <summary>Most tokens of an answer.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>Strings that end an answer as soon as a token completes one; it may begin in an earlier token or in the prompt.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Text of a sequence of ids; null generates ids without text.</summary>
    public Func<IReadOnlyList<int>, string>? Decode { get; init; }

    /// <summary>What cannot be generated with, each value with its key at the start; empty when nothing is.</summary>
    public IEnumerable<string> Problems()
    {
        foreach (var problem in Sampling.Problems()) yield return problem;
        if (MaxNewTokens < 1) yield return $"max_new_tokens is {MaxNewTokens}; an answer has at least one token.";
        if (StopStrings.Any(s => s.Length == 0)) yield return "a stop string is empty, which would end every answer at once.";
        if (StopStrings.Count > 0 && Decode is null) yield return "stop strings are looked for in the text, and there is no decoder: set Decode.";
    }
}
