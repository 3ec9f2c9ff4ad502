namespace Weft.Adapters;

/// <summary>A trainable change to one module. It owns its parameters and never writes to its host's.</summary>
/// <remarks>An ordinary TorchSharp module: a parameter's component name is its key on disk, and a submodule may be shared by several adapters.</remarks>
public abstract class Adapter(string name) : nn.Module(name)
{
    /// <summary>The adapted map, called in place of the host's own.</summary>
    /// <param name="host">The frozen module.</param>
    /// <param name="x">(…, in)</param>
    /// <param name="rest">What follows at this site; at its end the pretrained map.</param>
    /// <returns>(…, out)</returns>
    public abstract Tensor Forward(Adaptable host, Tensor x, Rest rest);

    /// <summary>What merging adds to the host's tensors, by local name (<c>weight</c>, <c>bias</c>), in fp32, computed from their present values.</summary>
    /// <exception cref="NotSupportedException">The change is not one of weights; the message says why.</exception>
    public abstract IReadOnlyDictionary<string, Tensor> Changes(Adaptable host);

    /// <summary>The host's tensors before <see cref="Changes"/> was added, from the merged ones, in fp32.</summary>
    /// <param name="host">The module.</param>
    /// <param name="merged">Merged tensors by local name, fp32.</param>
    /// <remarks>The default serves every method whose change does not depend on the weight it is added to.</remarks>
    public virtual IReadOnlyDictionary<string, Tensor> Unmerged(Adaptable host, IReadOnlyDictionary<string, Tensor> merged) =>
        Changes(host).ToDictionary(c => c.Key, c => merged[c.Key] - c.Value);

    /// <summary>The same function as a low-rank pair, or null where there is none.</summary>
    public virtual LowRankPair? AsLowRank(Adaptable host) => null;

    /// <summary>Extra numbers multiplied per token in the forward pass, for the plan's cost estimate.</summary>
    public virtual long MultiplicationsPerToken(Adaptable host) => parameters().Sum(p => p.numel());
}

/// <summary>A change of weight as a product: scale · B A.</summary>
/// <param name="A">(r, in)</param>
/// <param name="B">(out, r)</param>
/// <param name="Alpha">α as LoRA's file states it: the scale is α / r.</param>
public sealed record LowRankPair(Tensor A, Tensor B, double Alpha);
