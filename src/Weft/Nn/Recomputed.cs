using Weft.Adapters;

namespace Weft.Nn;

/// <summary>Gradient checkpointing: a part of a model whose activations are computed again in the backward pass and not kept.</summary>
public static class Recomputed
{
    /// <summary>Runs a part that keeps only its input.</summary>
    /// <param name="x">Its input, which must require a gradient.</param>
    /// <param name="part">
    /// The part; trained tensors inside it get their gradients when it is computed again. What else it reads must live until then: an exception in a
    /// backward pass ends the process.
    /// </param>
    public static Tensor Run(Tensor x, Func<Tensor, Tensor> part) => Part.apply(x, part, Call.Current ?? new Call());

    private sealed class Part : autograd.SingleTensorFunction<Part>
    {
        public override string Name => nameof(Recomputed);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, part) = ((Tensor)vars[0], (Func<Tensor, Tensor>)vars[1]);
            ctx.save_for_backward([x, random.get_rng_state()]);
            ctx.save_data("part", part);
            ctx.save_data("call", vars[2]);
            using var _ = no_grad();
            return part(x);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            var part = (Func<Tensor, Tensor>)ctx.get_data("part");
            using var call = ((Call)ctx.get_data("call")).Enter();
            using var _ = enable_grad();
            var now = random.get_rng_state(); // dropout must fall as it fell the first time
            var saved = ctx.get_saved_variables();
            random.set_rng_state(saved[1]);
            var x = saved[0].detach().requires_grad_();
            autograd.backward([part(x)], [grad_output]);
            random.set_rng_state(now);
            return [x.grad!.MoveToOuterDisposeScope(), null!, null!];
        }
    }
}
