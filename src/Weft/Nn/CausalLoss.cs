using Weft.Adapters;

namespace Weft.Nn;

/// <summary>The loss of a language model without ever holding the logits of all tokens.</summary>
public static class CausalLoss
{
    /// <summary>Label of a token that is not supervised.</summary>
    public const long Ignored = -100;

    private const long RowsAtOnce = 512;

    /// <summary>Cross entropy of each supervised token given those before it, summed, in nats.</summary>
    /// <param name="hidden">(batch, tokens, width) behind the last norm.</param>
    /// <param name="head">The output head, (…, width) → (…, vocabulary).</param>
    /// <param name="labels">(batch, tokens) int64; the label at position t is predicted at t − 1, and −100 is left out. The first of a row predicts nothing.</param>
    /// <returns>A scalar, float32.</returns>
    /// <remarks>
    /// Positions that supervise nothing cost nothing. A frozen head computes the gradient with respect to its input beside the loss, 512 rows
    /// at a time; a head that is adapted or trained goes through autograd.
    /// </remarks>
    public static Tensor Sum(Tensor hidden, Adaptable head, Tensor labels)
    {
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(head);
        ArgumentNullException.ThrowIfNull(labels);
        using var scope = NewDisposeScope();
        var tokens = hidden.shape[1];
        var targets = labels.narrow(1, 1, tokens - 1).reshape(-1);
        var supervised = targets.ne(Ignored).nonzero().reshape(-1);
        targets = targets.index_select(0, supervised);
        var rows = hidden.narrow(1, 0, tokens - 1).reshape(-1, hidden.shape[2]).index_select(0, supervised);
        var frozen = head.Chain.Count == 0 && Call.Current?.RowAdapters is null && head.Tensors.All(t => !t.Value.requires_grad) && head is Linear { Bias: null };
        var loss = frozen
            ? FrozenHead.apply(rows, ((Linear)head).Weight, targets, is_grad_enabled() && rows.requires_grad)
            : nn.functional.cross_entropy(Scores(head, rows, supervised, tokens - 1), targets, reduction: nn.Reduction.Sum);
        return loss.reshape([]).MoveToOuterDisposeScope();
    }

    // The rows of the batch stand one below the other here, and each keeps the adapter and the ids it is meant for.
    private static Tensor Scores(Adaptable head, Tensor rows, Tensor supervised, long tokens)
    {
        using var entered = Call.Current?.OfTokens(supervised, tokens).Enter();
        return head.Forward(rows);
    }

    private sealed class FrozenHead : autograd.SingleTensorFunction<FrozenHead>
    {
        public override string Name => nameof(FrozenHead);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (rows, weight, targets, needsGradient) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (bool)vars[3]);
            using var scope = NewDisposeScope();
            var loss = zeros(1);
            var gradient = needsGradient ? empty_like(rows) : null;
            var count = rows.shape[0];
            for (var start = 0L; start < count; start += RowsAtOnce)
            {
                using var chunk = NewDisposeScope();
                var length = Math.Min(RowsAtOnce, count - start);
                var target = targets.narrow(0, start, length).unsqueeze(1);
                var scores = nn.functional.log_softmax(nn.functional.linear(rows.narrow(0, start, length).to(weight.dtype), weight).to(ScalarType.Float32), 1);
                loss.sub_(scores.gather(1, target).sum());
                if (gradient is null) continue;
                scores.exp_().scatter_add_(1, target, full([length, 1], -1f)); // softmax − one-hot
                gradient.narrow(0, start, length).copy_(scores.to(weight.dtype).mm(weight));
            }
            if (gradient is not null) ctx.save_for_backward([gradient.MoveToOuterDisposeScope()]);
            return loss.MoveToOuterDisposeScope();
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var gradient = ctx.get_saved_variables()[0];
            return [gradient.mul(grad_output), null!, null!, null!]; // a copy, since a graph that is kept is asked again; the rows it is as large as are gone by now
        }
    }
}
