using Weft.Adapters;
using Weft.Models;
using Weft.Nn;

namespace Weft.Evaluation;

/// <summary>A batch that is being decoded: cache, positions and padding of the rows that go on.</summary>
internal sealed class Decoding : IDisposable
{
    private readonly CausalModel model;
    private readonly Sampling sampling;
    private readonly KvCache cache;
    private readonly int width; // of the padded prompts
    private IReadOnlyList<int> numbers;
    private IReadOnlyList<int> prompts; // lengths
    private readonly Call around;
    private IReadOnlyList<int> places; // of the rows that go on among those that began
    private Tensor ids;
    private Tensor? mask, occurred;
    private int step;

    /// <param name="model">The model.</param>
    /// <param name="rows">The prompts, none of them empty.</param>
    /// <param name="options">How tokens are chosen, and how many.</param>
    /// <param name="numbers">Number of each row, for what it draws; null counts from 0.</param>
    /// <param name="around">The call that the caller is in: which adapter each row is meant for, which tokens of the prompts are edited, ids.</param>
    public Decoding(CausalModel model, IReadOnlyList<IReadOnlyList<int>> rows, GenerationOptions options, IReadOnlyList<int>? numbers, Call? around)
    {
        (this.model, sampling) = (model, options.Sampling);
        this.numbers = numbers ?? [.. Enumerable.Range(0, rows.Count)];
        // mask, segments and offset are this batch's own
        this.around = new Call { RowAdapters = around?.RowAdapters, TokenSelection = around?.TokenSelection, Ids = around?.Ids ?? new Dictionary<string, Tensor>() };
        places = [.. Enumerable.Range(0, rows.Count)];
        prompts = [.. rows.Select(r => r.Count)];
        width = prompts.Max();
        var capacity = (int)Math.Min(width + (long)options.MaxNewTokens, width + model.ContextLength - prompts.Min());
        cache = new KvCache(model.LayerCount, capacity);

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var padded = new long[rows.Count, width];
        var real = new long[rows.Count, capacity];
        for (var i = 0; i < rows.Count; i++)
        {
            var left = width - prompts[i];
            for (var t = 0; t < prompts[i]; t++) padded[i, left + t] = rows[i][t];
            for (var t = left; t < capacity; t++) real[i, t] = 1;
        }
        ids = tensor(padded).DetachFromDisposeScope();
        if (prompts.Any(p => p < width)) mask = tensor(real).DetachFromDisposeScope();
        if (sampling.RepetitionPenalty is not (null or 1)) occurred = Occurred(rows).DetachFromDisposeScope();
    }

    /// <summary>The next token of each row.</summary>
    public long[] Next()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var cached = cache.Length;
        var tokens = ids.shape[1];
        var seen = mask?.narrow(1, 0, cached + tokens);
        var positions = seen is null ? null : cached == 0 ? (seen.cumsum(1) - 1).clamp_min(0) : tensor(prompts.Select(p => (long)p + step - 1).ToArray()).unsqueeze(1);
        var going = cached == 0 ? around : around.OfRows(places);
        var call = new Call { Mask = seen, CacheOffset = cached, RowAdapters = going.RowAdapters, PromptLengths = prompts, TokenSelection = going.TokenSelection, Ids = going.Ids };
        var logits = model.NextLogits(new TokenInput(ids, seen, positions), cache, call);
        if (step == 0 && !logits.isfinite().all().item<bool>()) throw NotFinite();
        return sampling.Choose(logits, numbers, step++, occurred);
    }

    /// <summary>Takes the chosen tokens as the input of the next step.</summary>
    /// <param name="next">A token for each row that goes on.</param>
    /// <param name="kept">Places of the rows that go on, or null when all do.</param>
    public void Feed(long[] next, IReadOnlyList<int>? kept)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        ids.Dispose();
        ids = tensor(next).unsqueeze(1).DetachFromDisposeScope();
        if (kept is not null) Keep(kept);
        occurred?.scatter_(1, ids, ones(ids.shape, dtype: ScalarType.Bool));
    }

    public void Dispose()
    {
        cache.Dispose();
        ids.Dispose();
        mask?.Dispose();
        occurred?.Dispose();
    }

    private InvalidDataException NotFinite()
    {
        model.CheckFinite(); // names the weights, where it is they
        return new InvalidDataException($"The logits of the first token are not finite, though every weight of {(model.Source.Length > 0 ? model.Source : "the base")} is. "
            + (model.ActiveAdapters.Count > 0 ? $"An adapter acts ({string.Join(", ", model.ActiveAdapters)}): its numbers, or its scale, make them so." : "Numbers become too large on the way; try float32 weights."));
    }

    private void Keep(IReadOnlyList<int> kept)
    {
        var rows = tensor(kept.Select(i => (long)i).ToArray());
        cache.Select(rows);
        (numbers, prompts) = ([.. kept.Select(i => numbers[i])], [.. kept.Select(i => prompts[i])]);
        places = [.. kept.Select(i => places[i])];
        mask = Of(mask, rows);
        occurred = Of(occurred, rows);
        if (prompts.Any(p => p < width)) return;
        mask?.Dispose();
        mask = null;
    }

    private Tensor Occurred(IReadOnlyList<IReadOnlyList<int>> rows)
    {
        var occurred = zeros([rows.Count, model.VocabularySize], dtype: ScalarType.Bool);
        for (var i = 0; i < rows.Count; i++) occurred[i].index_fill_(0, tensor(rows[i].Select(id => (long)id).ToArray()), true);
        return occurred;
    }

    private static Tensor? Of(Tensor? whole, Tensor rows)
    {
        if (whole is null) return null;
        var part = whole.index_select(0, rows).DetachFromDisposeScope();
        whole.Dispose();
        return part;
    }
}
