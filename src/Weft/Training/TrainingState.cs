using Weft.Adapters;

namespace Weft.Training;

/// <summary>Everything the next step depends on: what is trained, the optimizer, where the run stands in its schedule and its data, and the random generator.</summary>
public sealed class TrainingState : IDisposable
{
    private readonly Action<bool>? mode;

    /// <summary>The state of a run before its first step.</summary>
    /// <param name="groups">What is trained.</param>
    /// <param name="options">How.</param>
    /// <param name="batchesPerEpoch">Batches of one pass over the data.</param>
    /// <param name="updates">What works around each update, under names that stay the same from run to run.</param>
    /// <exception cref="ArgumentException">The options or the tensors cannot be trained with, or there is no batch.</exception>
    public TrainingState(IReadOnlyList<OptimizerGroup> groups, TrainOptions options, int batchesPerEpoch, IReadOnlyList<(string Name, IUpdates Value)>? updates = null)
    {
        options.Validate();
        if (batchesPerEpoch < 1) throw new ArgumentException($"A pass over the data has {batchesPerEpoch} batches; training needs at least one. Check the data file and its filters.");
        Options = options;
        BatchesPerEpoch = batchesPerEpoch;
        TotalSteps = options.TotalSteps(batchesPerEpoch);
        if (options.WarmupProblem(TotalSteps) is { } problem) throw new ArgumentException($"{problem}. Lower it, or train for more steps.");
        Schedule = options.ScheduleOver(TotalSteps);
        Trained = [.. groups.SelectMany(g => g.Tensors)];
        Updates = updates ?? [];
        Optimizer = new AdamW(options.DecayVectors ? groups : WeightDecay.OnMatricesOnly(groups), options.Beta1, options.Beta2, options.Epsilon, options.WeightDecay);
        Evaluations = new EarlyStopping(options.Patience);
    }

    /// <summary>The state of a run that trains adapters, before its first step. Their dropout acts during a step and not between steps.</summary>
    /// <param name="adapters">What is trained.</param>
    /// <param name="options">How.</param>
    /// <param name="batchesPerEpoch">Batches of one pass over the data.</param>
    /// <exception cref="ArgumentException">The options or the tensors cannot be trained with, or there is no batch.</exception>
    public TrainingState(AdapterSet adapters, TrainOptions options, int batchesPerEpoch)
        : this(adapters.Groups, options, batchesPerEpoch, [.. adapters.Places.Where(p => p.Adapter is IUpdates).Select(p => (p.NameOnDisk, (IUpdates)p.Adapter))]) =>
        mode = adapters.Model.Train;

    /// <summary>How the run trains.</summary>
    public TrainOptions Options { get; }

    /// <summary>The trained tensors by their key on disk.</summary>
    public IReadOnlyList<(string Key, Parameter Value)> Trained { get; }

    /// <summary>What works around each update, by a name that stays the same from run to run.</summary>
    public IReadOnlyList<(string Name, IUpdates Value)> Updates { get; }

    /// <summary>The optimizer with its moments.</summary>
    public AdamW Optimizer { get; }

    /// <summary>The learning rate of every step, as a share of the peak.</summary>
    public Schedule Schedule { get; }

    /// <summary>Evaluations so far, and whether they say stop.</summary>
    public EarlyStopping Evaluations { get; }

    /// <summary>Batches of one pass over the data.</summary>
    public int BatchesPerEpoch { get; }

    /// <summary>Steps of the whole run.</summary>
    public int TotalSteps { get; }

    /// <summary>Steps taken.</summary>
    public int Step { get; internal set; }

    /// <summary>Whole passes over the data made.</summary>
    public int Epoch { get; internal set; }

    /// <summary>Batches used of the present pass.</summary>
    public int Batch { get; internal set; }

    /// <summary>Time of all steps so far, in seconds.</summary>
    public double Seconds { get; internal set; }

    // State of the CPU's random generator that the next step starts from, (bytes) uint8; null goes on with what the generator holds.
    internal Tensor? Generator { get; set; }

    /// <summary>Refuses to go on when an update has made a trained tensor infinite or not a number.</summary>
    /// <exception cref="InvalidOperationException">One is; the message names it.</exception>
    public void CheckFinite()
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var bad = Trained.Where(t => !t.Value.isfinite().all().item<bool>()).Select(t => t.Key).ToList();
        if (bad.Count == 0) return;
        throw new InvalidOperationException(
            $"The run has diverged: after step {Step} {string.Join(", ", bad.Take(10))}{(bad.Count > 10 ? $" and {bad.Count - 10} more tensors" : "")} " +
            $"{(bad.Count == 1 ? "is" : "are")} not finite. It is not saved, and what was saved before is intact. Lower the learning rate (it is {FormattableString.Invariant($"{Options.LearningRate:g3}")}).");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Optimizer.Dispose();
        Generator?.Dispose();
    }

    // Dropout has to draw what it would have drawn without the interruption, whatever was drawn since the process started.
    internal void SeedGenerator()
    {
        if (Generator is { } saved)
        {
            set_rng_state(saved);
            saved.Dispose();
            Generator = null;
        }
        else if (Step == 0)
        {
            random.manual_seed(Options.Seed);
        }
    }

    internal void SetMode(bool training) => mode?.Invoke(training);

    internal void Advance(int batches)
    {
        Step++;
        Batch += batches;
        if (Batch < BatchesPerEpoch) return;
        Batch = 0;
        Epoch++;
    }
}
