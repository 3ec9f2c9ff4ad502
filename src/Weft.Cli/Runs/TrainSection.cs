using Weft.Training;

namespace Weft.Cli.Runs;

/// <summary>How it is learned. A step is one update; it may be made of several batches.</summary>
internal sealed record TrainSection
{
    /// <summary>Passes over the data; not looked at when steps is given.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>Number of steps.</summary>
    public int? Steps { get; init; }

    /// <summary>Rows of a batch.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Batches a step is made of.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>The learning rate after warm-up.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>How the rate goes on after the warm-up.</summary>
    public ScheduleShape Schedule { get; init; } = ScheduleShape.Linear;

    /// <summary>Steps over which the rate rises from 0.</summary>
    public int? WarmupSteps { get; init; }

    /// <summary>Share of all steps over which the rate rises from 0, where warmup_steps is not given.</summary>
    public double WarmupRatio { get; init; } = 0.03;

    /// <summary>Decoupled weight decay.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Whether vectors (biases, norms) decay too.</summary>
    public bool DecayVectors { get; init; }

    /// <summary>β₁ of AdamW.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β₂ of AdamW.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>The largest norm of all gradients together that is let through unscaled; null clips nothing.</summary>
    public double? ClipNorm { get; init; } = 1;

    /// <summary>Seeds the start of the adapters, the order of the rows and dropout.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Steps between evaluations on the held-out rows; null evaluates at the end only.</summary>
    public int? EvaluateEvery { get; init; }

    /// <summary>Steps between saved states; null saves at the end and at Ctrl-C only.</summary>
    public int? SaveEvery { get; init; }

    /// <summary>Evaluations in a row without a better loss after which training stops.</summary>
    public int? Patience { get; init; }

    /// <summary>Whether layers are computed again in the backward pass where their activations would take more than checkpoint_above_mb: less memory, more time.</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>With gradient checkpointing, MB of activations that a batch keeps before layers are computed again; 0 computes every layer again.</summary>
    public double CheckpointAboveMb { get; init; } = 256;

    /// <summary>Threads; null takes the physical cores that the process may use.</summary>
    public int? Threads { get; init; }

    /// <summary>These settings as the training loop reads them.</summary>
    public TrainOptions Options() => new()
    {
        Epochs = Epochs,
        Steps = Steps,
        Accumulation = Accumulation,
        LearningRate = LearningRate,
        Schedule = Schedule,
        WarmupSteps = WarmupSteps,
        WarmupRatio = WarmupRatio,
        WeightDecay = WeightDecay,
        DecayVectors = DecayVectors,
        Beta1 = Beta1,
        Beta2 = Beta2,
        ClipNorm = ClipNorm,
        Seed = Seed,
        EvaluateEvery = EvaluateEvery,
        SaveEvery = SaveEvery,
        Patience = Patience,
    };
}
