namespace Weft.Nn;

/// <summary>The operators of ATen that a forward pass needs and TorchSharp has no method for.</summary>
internal static class TorchScripts
{
    private static readonly TorchScript unit = new(
        """
        def rms_norm(x, weight, width: int, eps: float):
            return torch.rms_norm(x, [width], weight, eps)

        def gelu_by_tanh(x):
            return torch.gelu(x, approximate="tanh")

        """);

    /// <summary>x / √(mean(x²) + eps) · weight over the last axis.</summary>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double eps) => (Tensor)unit.Invoke("rms_norm", x, weight, weight.shape[0], eps);

    /// <summary>½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).</summary>
    public static Tensor GeluByTanh(Tensor x) => (Tensor)unit.Invoke("gelu_by_tanh", x);
}
