namespace Weft.Data;

/// <summary>How examples become batches.</summary>
public sealed record BatchOptions
{
    /// <summary>Rows in a batch; of packed batches the packs.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Tokens of a pack: short examples are laid into rows of this length, none sees another. Null makes every example a row of its own.</summary>
    public int? PackLength { get; init; }

    /// <summary>Batches in a chunk: within a chunk of the shuffled rows, rows of like length come together. 1 leaves the shuffled order.</summary>
    public int BucketBatches { get; init; } = 8;

    /// <summary>Whether the order is drawn anew for each epoch.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Seed of the order.</summary>
    public long Seed { get; init; }

    /// <summary>Id that fills rows up at their end.</summary>
    public int PadId { get; init; }
}
