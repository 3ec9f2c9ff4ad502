using Weft.Models;
using Weft.Nn;

namespace Weft.Evaluation;

/// <summary>How well a model predicts given tokens.</summary>
/// <remarks>
/// <code>
/// nats per token = Σ −ln p(token | those before it) / number of supervised tokens      over all rows, not a mean of means
/// </code>
/// </remarks>
public static class Perplexity
{
    /// <summary>Loss on rows of ids, of which those of similar length are computed together.</summary>
    /// <param name="model">The model, with the adapters that act.</param>
    /// <param name="rows">Ids of each row and their labels, as many and not shifted; −100 where nothing is supervised.</param>
    /// <param name="tokensAtOnce">Most tokens of a batch, padding included; a longer row is a batch of its own.</param>
    /// <param name="progress">Receives how many rows are done.</param>
    /// <param name="cancellation">Ends it between two batches.</param>
    /// <exception cref="ArgumentException">A row has another number of labels than of ids; every such row is listed.</exception>
    /// <exception cref="InvalidDataException">No token is supervised.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static HeldOutLoss Of(
        CausalModel model, IReadOnlyList<(IReadOnlyList<int> Ids, IReadOnlyList<int> Labels)> rows, int tokensAtOnce = 4096, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var wrong = rows.Select((r, i) => (r, i)).Where(x => x.r.Ids.Count != x.r.Labels.Count).Select(x => $"  row {x.i}: {x.r.Ids.Count} ids, {x.r.Labels.Count} labels").ToList();
        if (wrong.Count > 0) throw new ArgumentException($"Ids and labels do not fit together:\n{string.Join('\n', wrong)}");
        return Of(model, Batches(), progress, cancellation);

        IEnumerable<(TokenInput, Tensor)> Batches()
        {
            foreach (var batch in SimilarLength.Batches([.. rows.Select(r => r.Ids.Count)], int.MaxValue, tokensAtOnce))
                yield return (PaddedRows.Right([.. batch.Select(i => rows[i].Ids)]), PaddedRows.Labels([.. batch.Select(i => rows[i].Labels)]));
        }
    }

    /// <summary>Loss on batches.</summary>
    /// <param name="model">The model, with the adapters that act.</param>
    /// <param name="batches">Input and labels (batch, tokens) int64 of each, −100 where nothing is supervised. Their tensors are disposed when they have been used.</param>
    /// <param name="progress">Receives how many rows are done.</param>
    /// <param name="cancellation">Ends it between two batches.</param>
    /// <exception cref="InvalidDataException">No token is supervised.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static HeldOutLoss Of(CausalModel model, IEnumerable<(TokenInput Input, Tensor Labels)> batches, IProgress<int>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        using var rest = new EvaluationMode(model);
        var (nats, tokens, rows) = (0.0, 0L, 0L);
        foreach (var (input, labels) in batches)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            foreach (var given in new[] { input.Ids, input.Mask, input.Positions, input.Segments, labels })
                if (given is not null) scope.Attach(given);
            cancellation.ThrowIfCancellationRequested();
            rows += labels.shape[0];
            var supervised = labels.shape[1] < 2 ? 0 : labels.narrow(1, 1, labels.shape[1] - 1).ne(CausalLoss.Ignored).sum().item<long>();
            if (supervised > 0) nats += model.Loss(input, labels).to(ScalarType.Float64).item<double>();
            tokens += supervised;
            progress?.Report((int)rows);
        }
        if (tokens == 0) throw new InvalidDataException($"None of the {rows} rows supervises a token, so there is no loss. Give them a completion, or raise the length at which rows are cut.");
        return new HeldOutLoss(nats, tokens, rows);
    }
}
