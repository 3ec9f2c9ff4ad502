using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Nn;

namespace Weft.Models;

/// <summary>A model that predicts the next token.</summary>
public abstract class CausalModel : BaseModel
{
    private const long CheckedAtOnce = 1 << 20;

    /// <summary>Ids it can read and predict.</summary>
    public abstract long VocabularySize { get; }

    /// <summary>Width of its hidden states.</summary>
    public abstract long Width { get; }

    /// <summary>Layers.</summary>
    public abstract int LayerCount { get; }

    /// <summary>Most tokens of a row it was made for.</summary>
    public abstract long ContextLength { get; }

    /// <summary>The output head, (…, width) → (…, vocabulary).</summary>
    public abstract Adaptable Head { get; }

    /// <summary>The file that its tensors lie over and are read from again, which goes with it.</summary>
    internal Checkpoint? Checkpoint { get; set; }

    /// <summary>Hidden states behind the last norm.</summary>
    /// <param name="input">The tokens.</param>
    /// <param name="cache">Keys and values of the tokens before; the call's are added. Null computes all anew.</param>
    /// <param name="states">Receives what enters the first layer and what leaves each layer, the last behind the norm; each (batch, tokens, width).</param>
    /// <param name="call">What the call is about beyond its tokens; null takes the one the thread has entered, if any. Mask, segments and cache offset are the input's.</param>
    /// <exception cref="ArgumentException">The call names adapters that are not attached or cannot act row by row, or does not fit the batch; everything is listed.</exception>
    /// <returns>(batch, tokens, width), float32.</returns>
    public abstract Tensor Hidden(TokenInput input, KvCache? cache = null, IList<Tensor>? states = null, Call? call = null);

    /// <summary>Logits of every token.</summary>
    /// <param name="input">The tokens.</param>
    /// <param name="cache">As in <see cref="Hidden"/>.</param>
    /// <param name="call">As in <see cref="Hidden"/>.</param>
    /// <returns>(batch, tokens, vocabulary), float32.</returns>
    public Tensor Logits(TokenInput input, KvCache? cache = null, Call? call = null)
    {
        using var scope = NewDisposeScope();
        call = CallFor(input, cache, call);
        using var entered = call.Enter();
        return Head.Forward(Hidden(input, cache, call: call)).MoveToOuterDisposeScope();
    }

    /// <summary>Logits of the last token of each row.</summary>
    /// <returns>(batch, vocabulary), float32.</returns>
    public Tensor NextLogits(TokenInput input, KvCache? cache = null, Call? call = null)
    {
        using var scope = NewDisposeScope();
        call = CallFor(input, cache, call);
        using var entered = call.Enter();
        var hidden = Hidden(input, cache, call: call);
        return Head.Forward(hidden.narrow(1, hidden.shape[1] - 1, 1)).squeeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>Cross entropy of the supervised tokens, summed, in nats.</summary>
    /// <param name="input">The tokens.</param>
    /// <param name="labels">(batch, tokens) int64, not shifted; −100 where nothing is supervised.</param>
    /// <param name="call">As in <see cref="Hidden"/>; where it states no prompt lengths, the labels tell them: what stands before a document's first supervised token.</param>
    /// <returns>A scalar.</returns>
    public Tensor Loss(TokenInput input, Tensor labels, Call? call = null)
    {
        ArgumentNullException.ThrowIfNull(labels);
        using var scope = NewDisposeScope();
        call = CallFor(input, null, call);
        if (call.PromptLengths is null) call = call.WithPromptsBefore(labels.ne(CausalLoss.Ignored));
        using var entered = call.Enter();
        return CausalLoss.Sum(Hidden(input, call: call), Head, labels).MoveToOuterDisposeScope();
    }

    /// <summary>Reads every weight and refuses numbers that are not finite.</summary>
    /// <exception cref="InvalidDataException">Some are not; every tensor that has them is listed.</exception>
    public void CheckFinite()
    {
        using var _ = no_grad();
        var broken = new List<string>();
        foreach (var tensor in Tensors.Where(t => t.TiedTo is null))
        {
            using var scope = NewDisposeScope();
            // in parts, since a test of the whole embedding would take more memory than anything else at the start
            var wrong = tensor.Pretrained.reshape(-1).split(CheckedAtOnce).Sum(part => part.numel() - part.isfinite().sum().item<long>());
            if (wrong > 0) broken.Add($"  {tensor.Key}: {wrong} of {tensor.Count}");
        }
        if (broken.Count > 0) throw new InvalidDataException($"{Source} holds numbers that are not finite:\n{string.Join('\n', broken)}");
    }

    /// <summary>How many layers, from the first, are computed again in the backward pass of a batch.</summary>
    /// <param name="tokens">Tokens of the batch, padding included.</param>
    protected int RecomputedLayers(long tokens)
    {
        if (ActivationBudget is not { } budget) return 0;
        var ofOne = PlanEstimate.ActivationsOf(Sites.Where(s => s.Layer == 0), tokens);
        return LayerCount - (int)Math.Min(LayerCount, budget / Math.Max(1, ofOne));
    }

    /// <inheritdoc/>
    public override Tensor Probe()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var ids = arange(0, 16, dtype: int64).mul_(31).add_(7).remainder_(VocabularySize).view(2, 8);
        return Logits(new TokenInput(ids), call: new Call()).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing) Checkpoint?.Dispose(); // a tensor that somebody still holds keeps the file mapped
    }

    /// <summary>The call of an input: what is given, or else what the thread has entered, with the input's mask, segments and cache offset.</summary>
    /// <exception cref="ArgumentException">It names adapters that are not attached or cannot act row by row, or does not fit the batch; everything is listed.</exception>
    protected Call CallFor(TokenInput input, KvCache? cache, Call? call = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        call = (call ?? Call.Current ?? new Call()).Over(input.Mask, input.Segments, cache?.Length ?? 0);
        var (batch, tokens) = (input.Ids.shape[0], input.Ids.shape[1]);
        var problems = new List<string>();
        if (call.RowAdapters is { } names)
        {
            if (names.Count != batch) problems.Add($"it names adapters for {names.Count} rows, and the batch has {batch}. Name one for each row, null for the base model.");
            problems.AddRange(ProblemsOfRows(names));
        }
        if (call.Segments is null && call.PromptLengths is { } prompts && prompts.Count != batch)
            problems.Add($"it states {prompts.Count} prompt lengths, and the batch has {batch} rows. Give one for each row.");
        if (call.CacheOffset == 0 && call.TokenSelection is { } selection && !selection.shape.SequenceEqual([batch, tokens]))
            problems.Add($"its token selection is ({string.Join(", ", selection.shape)}), and the batch ({batch}, {tokens}).");
        return problems.Count == 0 ? call : throw new ArgumentException($"The call does not fit:\n{string.Join('\n', problems.Select(p => "  " + p))}");
    }
}
