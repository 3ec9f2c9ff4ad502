namespace Weft.Data;

/// <summary>What a row says.</summary>
public enum RowKind
{
    /// <summary>As the first row's fields say.</summary>
    Auto,

    /// <summary>prompt and completion: the completion is supervised.</summary>
    Prompt,

    /// <summary>text: all of it is supervised.</summary>
    Text,

    /// <summary>instruction, input (may be missing or empty) and output, written by a template: the output is supervised.</summary>
    Instruction,

    /// <summary>messages: a list of turns with role and content, written by a chat template: the assistant's turns are supervised.</summary>
    Messages,
}

/// <summary>What becomes of a row that is longer than allowed.</summary>
public enum LongRows
{
    /// <summary>It is an error that names the rows.</summary>
    Refuse,

    /// <summary>It is cut at its end and counted; one of which nothing supervised would be left is an error.</summary>
    Cut,

    /// <summary>It is cut at its end and counted; one of which nothing supervised would be left is dropped and counted.</summary>
    CutOrDrop,
}

/// <summary>Where training data comes from and how its rows become text: the section "data" of a run file.</summary>
public sealed record DataOptions
{
    /// <summary>The file of training rows.</summary>
    public string? Path { get; init; }

    /// <summary>A file of held-out rows; null takes <see cref="HeldOutShare"/>.</summary>
    public string? HeldOutPath { get; init; }

    /// <summary>Share of the training rows (0 to less than 1) that is held out, drawn by <see cref="Seed"/>.</summary>
    public double HeldOutShare { get; init; }

    /// <summary>How the files are written; auto goes by the ending of the name.</summary>
    public RowFormat Format { get; init; }

    /// <summary>Of a TSV file, whether the first line names the columns.</summary>
    public bool Header { get; init; } = true;

    /// <summary>New names for fields: a field (prompt, say) and the column it is read from (sentence, or 0 without a header).</summary>
    public IReadOnlyDictionary<string, string> Columns { get; init; } = new Dictionary<string, string>();

    /// <summary>What a row says; auto looks at the first row's fields.</summary>
    public RowKind Kind { get; init; }

    /// <summary>How the prompt is written, with fields in braces ("Review: {sentence}\nSentiment:"; {{ and }} are braces; special tokens written here count, those in a field's value are text); null takes the field prompt.</summary>
    public string? Prompt { get; init; }

    /// <summary>How the completion is written, likewise; null takes the field completion.</summary>
    public string? Completion { get; init; }

    /// <summary>What stands for a value of the fields that the completion names ("0" → " negative"); a value that is not listed is an error. Empty: every value stands for itself.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether white space around every value is taken away.</summary>
    public bool Trim { get; init; }

    /// <summary>How an instruction is written: "alpaca", or a format with {instruction} and {input}.</summary>
    public string InstructionTemplate { get; init; } = "alpaca";

    /// <summary>The chat template's name or text; null takes the tokenizer's.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Whether the end token follows a text or completion and is learned.</summary>
    public bool EndToken { get; init; } = true;

    /// <summary>A JSON file with the numbers of the rows to take, in order: an array, or an object with one array in it; null takes all.</summary>
    public string? Rows { get; init; }

    /// <summary>Rows left out at the start (of the numbers in <see cref="Rows"/> where there are such).</summary>
    public int Skip { get; init; }

    /// <summary>Most rows taken; null takes all.</summary>
    public int? Limit { get; init; }

    /// <summary>Whether rows are put into an order drawn by <see cref="Seed"/> before <see cref="Skip"/> and <see cref="Limit"/>.</summary>
    public bool Shuffle { get; init; }

    /// <summary>Seed of the order and of the held-out rows.</summary>
    public long Seed { get; init; }

    /// <summary>Most tokens in a row; null allows as many as the model's context holds.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>What becomes of longer rows; what is cut is counted and reported.</summary>
    public LongRows LongRows { get; init; }
}
