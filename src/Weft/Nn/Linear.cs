using Weft.Adapters;

namespace Weft.Nn;

/// <summary>A linear map: y = x Wᵀ + b.</summary>
/// <remarks>A bf16 weight multiplies x rounded to bf16, and the product is raised to x's type before the bias is added.</remarks>
public sealed class Linear : Adaptable, ILinearMap
{
    private readonly BaseTensor weight;
    private readonly BaseTensor? bias;

    /// <summary>A linear map over given tensors.</summary>
    /// <param name="weight">(out, in)</param>
    /// <param name="bias">(out) or null.</param>
    public Linear(BaseTensor weight, BaseTensor? bias = null) : base(weight, bias)
    {
        ArgumentNullException.ThrowIfNull(weight);
        (this.weight, this.bias) = (weight, bias);
        (OutFeatures, InFeatures) = (weight.Shape[0], weight.Shape[1]);
    }

    /// <summary>A linear map that takes <c>weight</c> and, where it has one, <c>bias</c> from a scope.</summary>
    public Linear(Weights weights, long inFeatures, long outFeatures, bool hasBias = false)
        : this(weights.Matrix("weight", outFeatures, inFeatures), hasBias ? weights.Shift("bias", outFeatures) : null)
    {
    }

    /// <inheritdoc/>
    public override long InFeatures { get; }

    /// <inheritdoc/>
    public override long OutFeatures { get; }

    /// <summary>W as pretrained or overridden, (out, in).</summary>
    public Tensor Weight => weight.Value;

    /// <summary>b as pretrained or overridden, (out), or null.</summary>
    public Tensor? Bias => bias?.Value;

    /// <inheritdoc/>
    public override Tensor Base(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        var w = weight.Value;
        if (w.dtype == x.dtype) return nn.functional.linear(x, w, bias?.Value);
        using var scope = NewDisposeScope();
        var y = nn.functional.linear(x.to(w.dtype), w).to(x.dtype);
        return (bias is null ? y : y + bias.Value).MoveToOuterDisposeScope();
    }

    /// <summary>The pretrained map of some of its rows, for hosts that hold several projections one above the other.</summary>
    /// <param name="x">(…, in)</param>
    /// <param name="start">First row.</param>
    /// <param name="count">How many rows.</param>
    /// <param name="withBias">Whether the bias is added.</param>
    /// <returns>(…, count)</returns>
    public Tensor Rows(Tensor x, long start, long count, bool withBias)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        var w = weight.Value.narrow(0, start, count);
        var y = nn.functional.linear(x.to(w.dtype), w).to(x.dtype);
        return (withBias && bias is not null ? y + bias.Value.narrow(0, start, count) : y).MoveToOuterDisposeScope();
    }
}
