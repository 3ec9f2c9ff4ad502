using Weft.Adapters;

namespace Weft.Nn;

/// <summary>Root-mean-square norm over the last axis: y = x / √(mean(x²) + ε) · w.</summary>
public sealed class RmsNorm : Adaptable
{
    private readonly BaseTensor weight;
    private readonly double epsilon;

    /// <summary>A norm that takes <c>weight</c> from a scope.</summary>
    public RmsNorm(Weights weights, long width, double epsilon) : base(weights.Scale("weight", width))
    {
        (weight, this.epsilon) = (Tensors[0], epsilon);
        InFeatures = OutFeatures = width;
    }

    /// <inheritdoc/>
    public override long InFeatures { get; }

    /// <inheritdoc/>
    public override long OutFeatures { get; }

    /// <inheritdoc/>
    public override Tensor Base(Tensor x) => TorchScripts.RmsNorm(x, weight.Value, epsilon);
}
