using Weft.Adapters;

namespace Weft.Nn;

/// <summary>A gated MLP: down(act(gate(x)) ⊙ up(x)).</summary>
public sealed class GatedMlp
{
    private readonly Linear gate_proj, up_proj, down_proj;
    private readonly Func<Tensor, Tensor> activation;

    /// <summary>An MLP that takes its three projections from a scope.</summary>
    public GatedMlp(Weights weights, long width, long inner, bool hasBias, Func<Tensor, Tensor> activation)
    {
        ArgumentNullException.ThrowIfNull(weights);
        this.activation = activation;
        gate_proj = new Linear(weights.At("gate_proj"), width, inner, hasBias);
        up_proj = new Linear(weights.At("up_proj"), width, inner, hasBias);
        down_proj = new Linear(weights.At("down_proj"), inner, width, hasBias);
        Path = weights.Path;
    }

    private string Path { get; }

    /// <summary>Where adapters may stand.</summary>
    public IEnumerable<Site> Sites(int layer) =>
    [
        new($"{Path}.gate_proj", gate_proj, SiteRole.Gate, layer), new($"{Path}.up_proj", up_proj, SiteRole.Up, layer), new($"{Path}.down_proj", down_proj, SiteRole.Down, layer),
    ];

    /// <summary>(batch, tokens, width) → (batch, tokens, width)</summary>
    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        return down_proj.Forward(activation(gate_proj.Forward(x)) * up_proj.Forward(x)).MoveToOuterDisposeScope();
    }
}
