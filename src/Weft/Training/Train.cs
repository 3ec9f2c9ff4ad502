using System.Diagnostics;
using Weft.Data;

namespace Weft.Training;

/// <summary>The training loop, as a sequence the caller walks.</summary>
public static class Train
{
    private const int NamedRows = 50;

    /// <summary>Takes a step at a time. Evaluate, log, save or stop in the foreach that walks it; save last, so that nothing random happens between the save and the next step.</summary>
    /// <remarks>
    /// <code>
    /// loss of a step = Σ nats of its batches / Σ supervised tokens of its batches
    /// </code>
    /// So any split of the same rows into batches has the same gradient. No dispose scope is open while the caller has a step.
    /// </remarks>
    /// <param name="state">Where the run stands; it stands one step further each time a step is given.</param>
    /// <param name="epoch">The batches of a pass over the data (number from 0), without the first so many. A batch that is disposable is disposed after its step.</param>
    /// <param name="summedLoss">Sum of the nats over the supervised tokens of a batch, a scalar tensor.</param>
    /// <param name="facts">Rows and token counts of a batch.</param>
    /// <param name="cancellation">Ends the sequence before the next step.</param>
    /// <exception cref="InvalidOperationException">The loss or a gradient is not finite (the tensors are as before the step), or the loss does not depend on what is trained.</exception>
    /// <exception cref="InvalidDataException">A step supervises nothing, or a pass over the data has another number of batches than the state counts with.</exception>
    public static IEnumerable<Step> Steps<TBatch>(
        TrainingState state, Func<int, int, IEnumerable<TBatch>> epoch, Func<TBatch, Tensor> summedLoss, Func<TBatch, BatchFacts> facts,
        CancellationToken cancellation = default)
    {
        var started = false;
        while (state.Step < state.TotalSteps)
        {
            var (number, taken) = (state.Epoch, state.Batch);
            using var batches = epoch(number, taken).GetEnumerator();
            while (state.Epoch == number && state.Step < state.TotalSteps)
            {
                if (cancellation.IsCancellationRequested) yield break;
                if (!started) state.SeedGenerator();
                started = true;
                var clock = Stopwatch.StartNew();
                var parts = NextBatches(state, batches);
                Step step;
                try
                {
                    state.SetMode(training: true);
                    step = Take(state, parts, summedLoss, parts.ConvertAll(b => facts(b)));
                }
                finally
                {
                    state.SetMode(training: false);
                    Release(parts);
                }
                state.Advance(parts.Count);
                state.Seconds += clock.Elapsed.TotalSeconds;
                yield return step with { Seconds = clock.Elapsed.TotalSeconds, ElapsedSeconds = state.Seconds };
            }
        }
    }

    /// <summary>The same over batches of text; <c>CausalModel.Loss</c> is such a loss.</summary>
    /// <param name="state">Where the run stands.</param>
    /// <param name="data">The batches; the state counts with its <see cref="BatchSource.BatchesPerEpoch"/>.</param>
    /// <param name="summedLoss">Sum of the nats over the supervised tokens of a batch, a scalar tensor.</param>
    /// <param name="cancellation">Ends the sequence before the next step.</param>
    /// <exception cref="InvalidOperationException">The loss or a gradient is not finite (the tensors are as before the step), or the loss does not depend on what is trained.</exception>
    /// <exception cref="InvalidDataException">A step supervises nothing, or a pass over the data has another number of batches than the state counts with.</exception>
    public static IEnumerable<Step> Steps(TrainingState state, BatchSource data, Func<Batch, Tensor> summedLoss, CancellationToken cancellation = default) =>
        Steps(state, data.Epoch, summedLoss, b => new BatchFacts(b.Rows, b.Tokens, b.SupervisedTokens), cancellation);

    private static List<TBatch> NextBatches<TBatch>(TrainingState state, IEnumerator<TBatch> batches)
    {
        var count = Math.Min(state.Options.Accumulation, state.BatchesPerEpoch - state.Batch);
        var parts = new List<TBatch>(count);
        try
        {
            while (parts.Count < count)
            {
                if (!batches.MoveNext())
                    throw new InvalidDataException(
                        $"Pass {state.Epoch + 1} over the data ends after {state.Batch + parts.Count} batches; {state.BatchesPerEpoch} were counted when the run started. Has the data changed?");
                parts.Add(batches.Current);
            }
            return parts;
        }
        catch
        {
            Release(parts);
            throw;
        }
    }

    private static void Release<TBatch>(List<TBatch> parts)
    {
        foreach (var part in parts) (part as IDisposable)?.Dispose();
    }

    private static Step Take<TBatch>(TrainingState state, List<TBatch> parts, Func<TBatch, Tensor> summedLoss, List<BatchFacts> facts)
    {
        using var scope = NewDisposeScope();
        var index = state.Step + 1;
        var rate = state.Options.LearningRate * state.Schedule.Factor(state.Step);
        var supervised = facts.Sum(f => f.SupervisedTokens);
        var where = $"at step {index} (learning rate {rate:g3})";
        if (supervised == 0)
            throw new InvalidDataException($"No token is supervised {where}, in {Rows(facts.SelectMany(f => f.Rows))}. Give these rows a completion, or raise the length at which rows are cut.");
        state.Optimizer.ClearGradients();
        var nats = 0.0;
        for (var i = 0; i < parts.Count; i++) nats += Backward(summedLoss, parts[i], supervised, facts[i], where);
        var norm = CheckedNorm(state, facts, where, out var total);
        if (state.Options.ClipNorm is { } limit) GradientNorm.Scale(Gradients(state).ConvertAll(g => g.Gradient), total, limit);
        foreach (var (_, around) in state.Updates) around.BeforeUpdate(index, state.TotalSteps);
        state.Optimizer.Update(rate);
        foreach (var (_, around) in state.Updates) around.AfterUpdate(index, state.TotalSteps);
        state.Optimizer.ClearGradients();
        return new Step
        {
            Index = index,
            Epoch = state.Epoch + 1,
            Loss = nats / supervised,
            GradientNorm = norm,
            LearningRate = rate,
            Tokens = facts.Sum(f => f.Tokens),
            SupervisedTokens = supervised,
            Seconds = 0,
            ElapsedSeconds = 0,
        };
    }

    private static double Backward<TBatch>(Func<TBatch, Tensor> summedLoss, TBatch batch, long supervised, BatchFacts facts, string where)
    {
        using var scope = NewDisposeScope(); // what one batch leaves behind is gone before the next one starts
        using var sum = summedLoss(batch);
        var nats = sum.detach().to(float64).item<double>();
        if (!double.IsFinite(nats))
            throw new InvalidOperationException($"The loss is {nats} {where}, in {Rows(facts.Rows)}. Lower the learning rate, or look at these rows.");
        if (!sum.requires_grad)
            throw new InvalidOperationException($"The loss {where} does not depend on any trained tensor. Attach the adapters to the model that computes it, and do not compute it under no_grad.");
        (sum / supervised).backward();
        return nats;
    }

    private static double CheckedNorm(TrainingState state, List<BatchFacts> facts, string where, out Tensor total)
    {
        var gradients = Gradients(state);
        total = GradientNorm.Of(gradients.ConvertAll(g => g.Gradient));
        var norm = total.to(float64).item<double>();
        if (double.IsFinite(norm)) return norm;
        var largest = gradients.ConvertAll(g => (g.Key, Largest: g.Gradient.abs().max().to(float64).item<double>()));
        var bad = largest.Where(g => !double.IsFinite(g.Largest)).Select(g => g.Key).ToList();
        var what = bad.Count > 0
            ? $"The gradient of {string.Join(", ", bad.Take(10))}{(bad.Count > 10 ? $" and {bad.Count - 10} more tensors" : "")} is not finite"
            : $"The gradients are too large to be added up (up to {largest.MaxBy(g => g.Largest).Largest:g3} in {largest.MaxBy(g => g.Largest).Key})";
        throw new InvalidOperationException($"{what} {where}, in {Rows(facts.SelectMany(f => f.Rows))}. Lower the learning rate, or look at these rows.");
    }

    private static List<(string Key, Tensor Gradient)> Gradients(TrainingState state)
    {
        var gradients = new List<(string, Tensor)>(state.Trained.Count);
        foreach (var (key, value) in state.Trained)
            if (value.grad is { } gradient) gradients.Add((key, gradient));
        return gradients;
    }

    private static string Rows(IEnumerable<long> rows)
    {
        var all = rows.ToList();
        var more = all.Count > NamedRows ? $" and {all.Count - NamedRows} more" : "";
        return $"{(all.Count == 1 ? "row" : "rows")} {string.Join(", ", all.Take(NamedRows))}{more}";
    }
}
