using System.Text.Json.Nodes;
using Weft.Adapters;

namespace Weft.Tests.Adapters;

/// <summary>A base model of hosts called one after the other, for what needs no language model.</summary>
internal sealed class TinyModel(params IReadOnlyList<Site> sites) : BaseModel
{
    public override JsonObject Config { get; } = new() { ["model_type"] = "tiny" };

    public override IReadOnlyList<Site> Sites { get; } = sites;

    /// <summary>A tensor that belongs to no host; it multiplies what the model returns.</summary>
    public BaseTensor? Bare { get; init; }

    public override IReadOnlyList<BaseTensor> Tensors => [.. Sites.SelectMany(s => s.Host.Tensors).Distinct(), .. Bare is null ? Array.Empty<BaseTensor>() : [Bare]];

    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        foreach (var site in Sites) x = site.Host.Forward(x);
        return (Bare is null ? x : x * Bare.Value).MoveToOuterDisposeScope();
    }

    public override Tensor Probe()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var width = Sites[0].Host.InFeatures;
        return Forward(arange(0, 2 * width, dtype: Tensors[0].Pretrained.dtype).div(width).cos().view(2, width)).MoveToOuterDisposeScope();
    }
}
