namespace Weft.Nn;

/// <summary>The operators of ATen that TorchSharp has no method for, reached through one compiled TorchScript unit.</summary>
/// <remarks>A script that does not compile ends the process, so the text is constant and a test runs each function.</remarks>
internal static class TorchScripts
{
    private static readonly Lazy<jit.CompilationUnit> unit = new(() => jit.compile(
        """
        def rms_norm(x, weight, width: int, eps: float):
            return torch.rms_norm(x, [width], weight, eps)

        """)); // the compiler wants a newline at the end

    /// <summary>x / √(mean(x²) + eps) · weight over the last axis.</summary>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double eps)
    {
        // A number that is boxed on the way has a finalizer and could be freed while the operator still reads it.
        Scalar width = weight.shape[0], epsilon = eps;
        var y = (Tensor)unit.Value.invoke("rms_norm", x, weight, width, epsilon);
        GC.KeepAlive(width);
        GC.KeepAlive(epsilon);
        return y;
    }
}
