namespace Weft.Training;

/// <summary>How a model is trained. A step is one update of the trained tensors; it may be made of several batches.</summary>
public sealed record TrainOptions
{
    /// <summary>Passes over the data; not looked at when <see cref="Steps"/> is given.</summary>
    public int Epochs { get; init; } = 1;

    /// <summary>Number of steps; null counts them from <see cref="Epochs"/>.</summary>
    public int? Steps { get; init; }

    /// <summary>Batches a step is made of. The loss is the mean over the supervised tokens of all of them.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>The learning rate after warm-up, before the factors of the groups.</summary>
    public double LearningRate { get; init; } = 2e-4;

    /// <summary>How the rate goes on after the warm-up.</summary>
    public ScheduleShape Schedule { get; init; } = ScheduleShape.Linear;

    /// <summary>Steps over which the rate rises from 0; null takes <see cref="WarmupRatio"/>.</summary>
    public int? WarmupSteps { get; init; }

    /// <summary>Share of all steps, rounded up, over which the rate rises from 0; the last step is never one of them.</summary>
    public double WarmupRatio { get; init; } = 0.03;

    /// <summary>λ of decoupled weight decay.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Whether tensors with fewer than two axes (biases, norms, scales) decay too.</summary>
    public bool DecayVectors { get; init; }

    /// <summary>β₁ of AdamW.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>β₂ of AdamW.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>ε of AdamW.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The largest norm of all gradients together that is let through unscaled; null scales none.</summary>
    public double? ClipNorm { get; init; } = 1;

    /// <summary>Seeds dropout and whatever else is drawn while training.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Steps between evaluations on held-out data; null evaluates at the end only.</summary>
    public int? EvaluateEvery { get; init; }

    /// <summary>Steps between saved states; null saves at the end only.</summary>
    public int? SaveEvery { get; init; }

    /// <summary>Evaluations in a row without a better loss after which training stops; null never stops early.</summary>
    public int? Patience { get; init; }

    /// <summary>Number of steps of a run.</summary>
    /// <param name="batchesPerEpoch">Batches of one pass over the data; the last step of a pass may be made of fewer than <see cref="Accumulation"/>.</param>
    /// <exception cref="ArgumentException">There are more than an int can count.</exception>
    public int TotalSteps(int batchesPerEpoch)
    {
        if (Steps is { } given) return given;
        var counted = Epochs * (long)Math.Ceiling(batchesPerEpoch / (double)Accumulation);
        return counted <= int.MaxValue ? (int)counted : throw new ArgumentException($"epochs is {Epochs}, which is {counted} steps; a run has at most {int.MaxValue}.");
    }

    /// <summary>The schedule of a run.</summary>
    /// <param name="totalSteps">Number of its steps.</param>
    public Schedule ScheduleOver(int totalSteps) => new(Schedule, totalSteps, WarmupSteps ?? Math.Min((int)Math.Ceiling(totalSteps * WarmupRatio), totalSteps - 1)); // a run of one step would learn nothing

    /// <summary>What is wrong with a warm-up that lasts as long as a run; null when nothing is.</summary>
    internal string? WarmupProblem(int totalSteps) => WarmupSteps >= totalSteps ? $"warmup_steps is {WarmupSteps} of {totalSteps} steps; the rate would never reach its peak" : null;

    /// <summary>Refuses values that cannot be trained with.</summary>
    /// <exception cref="ArgumentException">Values are out of range or contradict each other; all of them are listed.</exception>
    public void Validate()
    {
        var problems = Problems();
        if (problems.Count > 0) throw new ArgumentException($"These training options do not work:\n  {string.Join("\n  ", problems)}");
    }

    /// <summary>What cannot be trained with: values out of range or in contradiction, each with its key at the start; empty when nothing is.</summary>
    public IReadOnlyList<string> Problems()
    {
        var problems = new List<string>();
        void Require(bool holds, string problem)
        {
            if (!holds) problems.Add(problem);
        }

        Require(Epochs >= 1, $"epochs is {Epochs}; it must be 1 or more");
        Require(Steps is null or >= 1, $"steps is {Steps}; it must be 1 or more, or left out to train for epochs");
        Require(Accumulation >= 1, $"accumulation is {Accumulation}; it must be 1 or more batches per step");
        Require(double.IsFinite(LearningRate) && LearningRate > 0, $"learning_rate is {LearningRate}; it must be a number above 0 (LoRA and WeGeFT mostly take 1e-4 to 5e-3)");
        Require(Enum.IsDefined(Schedule), $"schedule is {Schedule}; it must be one of {string.Join(", ", Enum.GetNames<ScheduleShape>())}");
        Require(WarmupSteps is null or >= 0, $"warmup_steps is {WarmupSteps}; it must be 0 or more");
        if (Steps is { } steps && WarmupProblem(steps) is { } tooLong) problems.Add(tooLong);
        Require(WarmupRatio is >= 0 and <= 1, $"warmup_ratio is {WarmupRatio}; it must be from 0 to 1");
        Require(double.IsFinite(WeightDecay) && WeightDecay >= 0, $"weight_decay is {WeightDecay}; it must be 0 or more");
        Require(Beta1 is >= 0 and < 1, $"beta1 is {Beta1}; it must be from 0 to below 1");
        Require(Beta2 is >= 0 and < 1, $"beta2 is {Beta2}; it must be from 0 to below 1");
        Require(double.IsFinite(Epsilon) && Epsilon > 0, $"epsilon is {Epsilon}; it must be above 0");
        Require(ClipNorm is null or > 0, $"clip_norm is {ClipNorm}; it must be above 0, or null to clip nothing");
        Require(EvaluateEvery is null or >= 1, $"evaluate_every is {EvaluateEvery}; it must be 1 or more steps, or null");
        Require(SaveEvery is null or >= 1, $"save_every is {SaveEvery}; it must be 1 or more steps, or null");
        Require(Patience is null or >= 1, $"patience is {Patience}; it must be 1 or more evaluations, or null");
        Require(Patience is null || EvaluateEvery is not null, $"patience is {Patience} but evaluate_every is not given, so nothing would ever stop the run; give both");
        return problems;
    }
}
