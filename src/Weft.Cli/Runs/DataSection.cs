using Weft.Data;

namespace Weft.Cli.Runs;

/// <summary>What is learned from: rows with prompt and completion, text, instruction, input and output, or messages; or columns put into templates.</summary>
internal sealed record DataSection
{
    /// <summary>The file of training rows.</summary>
    [Path] public string? Train { get; init; }

    /// <summary>The file of held-out rows, or a share of the training rows (0 to 1) that is held out.</summary>
    [OneOf(typeof(double), typeof(string)), Path] public object? Heldout { get; init; }

    /// <summary>Most held-out rows taken, from the start.</summary>
    public int? HeldoutLimit { get; init; }

    /// <summary>How the files are written; auto goes by the ending of the name.</summary>
    public RowFormat Format { get; init; }

    /// <summary>Of a TSV file, whether the first line names the columns.</summary>
    public bool Header { get; init; } = true;

    /// <summary>New names for fields: a field (prompt, say) and the column it is read from.</summary>
    public IReadOnlyDictionary<string, string> Columns { get; init; } = new Dictionary<string, string>();

    /// <summary>What a row says; auto looks at the first row's fields.</summary>
    public RowKind Kind { get; init; }

    /// <summary>How the prompt is written, with fields in braces: "Review: {sentence}\nSentiment:".</summary>
    public string? Prompt { get; init; }

    /// <summary>How the completion is written, likewise.</summary>
    public string? Completion { get; init; }

    /// <summary>What stands for a value of the fields that the completion names: "0" for " negative".</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether white space around every value is taken away.</summary>
    public bool Trim { get; init; }

    /// <summary>How an instruction is written: alpaca, or a format with {instruction} and {input}.</summary>
    public string InstructionTemplate { get; init; } = "alpaca";

    /// <summary>The chat template's name or text; null takes the tokenizer's.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Whether the end token follows a text or completion and is learned.</summary>
    public bool EndToken { get; init; } = true;

    /// <summary>A JSON file with the numbers (from 0) of the training rows to take, in order.</summary>
    [Path] public string? Rows { get; init; }

    /// <summary>Training rows left out at the start.</summary>
    public int Skip { get; init; }

    /// <summary>Most training rows taken.</summary>
    public int? Limit { get; init; }

    /// <summary>Whether training rows are put into a drawn order before skip and limit.</summary>
    public bool Shuffle { get; init; }

    /// <summary>Most tokens of a row; null allows as many as the model's context holds.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>What becomes of longer rows; what is cut is counted and reported.</summary>
    public LongRows LongRows { get; init; }

    /// <summary>Tokens of a packed row: short rows are laid into rows of this length, and none sees another. Null packs nothing.</summary>
    public int? PackLength { get; init; }

    /// <summary>Batches within which rows of like length come together.</summary>
    public int BucketBatches { get; init; } = 8;

    /// <summary>These settings as Data reads them.</summary>
    /// <param name="seed">Seed of the order and of the rows held out.</param>
    public DataOptions Options(int seed) => new()
    {
        Path = Train,
        HeldOutPath = Heldout as string,
        HeldOutShare = Heldout as double? ?? 0,
        Format = Format,
        Header = Header,
        Columns = Columns,
        Kind = Kind,
        Prompt = Prompt,
        Completion = Completion,
        Labels = Labels,
        Trim = Trim,
        InstructionTemplate = InstructionTemplate,
        ChatTemplate = ChatTemplate,
        EndToken = EndToken,
        Rows = Rows,
        Skip = Skip,
        Limit = Limit,
        Shuffle = Shuffle,
        Seed = seed,
        MaxTokens = MaxTokens,
        LongRows = LongRows,
    };
}
