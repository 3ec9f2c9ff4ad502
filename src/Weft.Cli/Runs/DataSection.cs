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

    /// <summary>A JSON file with the numbers (from 0) of the training rows to take, in order.</summary>
    [Path] public string? Rows { get; init; }

    /// <summary>How rows become text.</summary>
    [HoldsKeys(nameof(DataOptions.Path), nameof(DataOptions.HeldOutPath), nameof(DataOptions.HeldOutShare), nameof(DataOptions.Rows), nameof(DataOptions.Seed))]
    public DataOptions Text { get; init; } = new();

    /// <summary>Tokens of a packed row: short rows are laid into rows of this length, and none sees another. Null packs nothing.</summary>
    public int? PackLength { get; init; }

    /// <summary>Batches within which rows of like length come together.</summary>
    public int BucketBatches { get; init; } = 8;

    /// <summary>These settings as Data reads them.</summary>
    /// <param name="seed">Seed of the order and of the rows held out.</param>
    public DataOptions Options(long seed) => Text with { Path = Train, HeldOutPath = Heldout as string, HeldOutShare = Heldout as double? ?? 0, Rows = Rows, Seed = seed };
}
