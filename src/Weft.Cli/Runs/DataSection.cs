namespace Weft.Cli.Runs;

/// <summary>What is learned from. Rows hold prompt and completion, text, instruction, input and output, or messages; or the columns of a table are put into templates.</summary>
internal sealed record DataSection
{
    /// <summary>The file of training rows.</summary>
    [Path] public string? Train { get; init; }

    /// <summary>The file of held-out rows, or a share of the training rows (0 to 1) that is held out.</summary>
    [OneOf(typeof(double), typeof(string)), Path] public object? Heldout { get; init; }

    /// <summary>How the files are written; auto goes by the name's ending.</summary>
    public DataFormat Format { get; init; }

    /// <summary>Names of the columns of a table without a line of headings.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>The prompt with columns in braces: "Review: {sentence}\nSentiment:".</summary>
    public string? Prompt { get; init; }

    /// <summary>The completion with columns in braces: "{label}".</summary>
    public string? Completion { get; init; }

    /// <summary>What the values of a column are replaced by where they stand in the completion: 0 by " negative".</summary>
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>A file with a JSON list of the numbers (from 0) of the training rows to take, in this order.</summary>
    [Path] public string? Rows { get; init; }

    /// <summary>Most training rows taken, from the start.</summary>
    public int? Limit { get; init; }

    /// <summary>Most held-out rows taken, from the start.</summary>
    public int? HeldoutLimit { get; init; }

    /// <summary>Most tokens of a row; null takes the model's context. Longer rows are cut or left out, and counted.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>What happens to a row that is longer: cut from the left of its prompt, left out, or refused.</summary>
    public LongRows LongRows { get; init; }

    /// <summary>Whether several rows are packed into one row of the batch, each seeing only itself.</summary>
    public bool Packing { get; init; }

    /// <summary>Tokens of a packed row; null takes max_tokens.</summary>
    public int? PackedTokens { get; init; }
}
