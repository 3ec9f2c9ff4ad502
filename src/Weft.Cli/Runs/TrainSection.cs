using Weft.Training;

namespace Weft.Cli.Runs;

/// <summary>How it is learned. A step is one update; it may be made of several batches.</summary>
internal sealed record TrainSection
{
    /// <summary>What the training loop reads.</summary>
    [HoldsKeys] public TrainOptions Options { get; init; } = new() { LearningRate = 1e-3 };

    /// <summary>Rows of a batch.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Whether layers are computed again in the backward pass where their activations would take more than checkpoint_above_mb: less memory, more time.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>With gradient checkpointing, MB of activations that a batch keeps before layers are computed again; 0 computes every layer again.</summary>
    public double CheckpointAboveMb { get; init; } = 256;

    /// <summary>Bytes of activations that a batch may keep, or null for all.</summary>
    internal long? ActivationBudget => GradientCheckpointing ? (long)(CheckpointAboveMb * 1e6) : null;

    /// <summary>Threads; null takes the physical cores that the process may use.</summary>
    public int? Threads { get; init; }
}
