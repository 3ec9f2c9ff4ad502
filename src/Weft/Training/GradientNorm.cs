using Weft.Nn;

namespace Weft.Training;

/// <summary>The norm of all gradients together, and scaling by it.</summary>
/// <remarks>Equals PyTorch's <c>torch.nn.utils.clip_grad_norm_</c>; one call for all tensors, however many there are.</remarks>
public static class GradientNorm
{
    // A script that does not compile ends the process, so this is a constant that the tests run whole.
    private const string script = """
        def norm(gradients: List[Tensor], order: float):
            return torch.linalg_vector_norm(torch.stack(torch._foreach_norm(gradients, order)), order)

        def scale(gradients: List[Tensor], total: Tensor, limit: float):
            torch._foreach_mul_(gradients, torch.clamp(limit / (total + 1e-6), max=1.0))
            return 0


        """;

    private static readonly TorchScript compiled = new(script);

    /// <summary>The norm of the norms of the gradients, a scalar tensor; 0 where there is none.</summary>
    /// <param name="gradients">Gradients of any shape, of one type, on one device.</param>
    /// <param name="order">2 for the Euclidean norm; 1, or infinity for the largest absolute value.</param>
    public static Tensor Of(IReadOnlyList<Tensor> gradients, double order = 2)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        return gradients.Count == 0
            ? zeros([]).MoveToOuterDisposeScope()
            : ((Tensor)compiled.Invoke("norm", gradients.ToArray(), order)).MoveToOuterDisposeScope();
    }

    /// <summary>Scales the gradients in place by min(1, limit / (norm + 1e-6)).</summary>
    /// <param name="gradients">Gradients of any shape, of one type, on one device.</param>
    /// <param name="norm">Their norm, a scalar tensor.</param>
    /// <param name="limit">The largest norm that is let through.</param>
    public static void Scale(IReadOnlyList<Tensor> gradients, Tensor norm, double limit)
    {
        if (gradients.Count == 0) return;
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        compiled.Invoke("scale", gradients.ToArray(), norm, limit);
    }
}
