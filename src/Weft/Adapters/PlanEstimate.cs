namespace Weft.Adapters;

/// <summary>What training a set will take, estimated from shapes alone.</summary>
/// <param name="Trainable">Numbers trained.</param>
/// <param name="Base">Numbers of the frozen base.</param>
/// <param name="WeightBytes">The base as loaded.</param>
/// <param name="StateBytes">Trained numbers with gradient and AdamW's two moments, fp32: 16 bytes each.</param>
/// <param name="ActivationBytes">Inputs and outputs of the linear modules that a batch keeps for the backward pass, fp32, at most the model's <see cref="BaseModel.ActivationBudget"/>.</param>
/// <param name="StepFlops">Floating-point operations of one batch, forward and backward: 4 per frozen weight and token, 6 per adapter number used and token.</param>
public sealed record PlanEstimate(long Trainable, long Base, long WeightBytes, long StateBytes, long ActivationBytes, double StepFlops)
{
    /// <summary>Percent of the frozen base, the convention of WeGeFT's papers: the adapter is no part of the denominator, and modules_to_save (a new head) of neither.</summary>
    public double PercentOfBase => Base == ReplacedInBase ? 0 : 100.0 * (Trainable - TrainedWhole) / (Base - ReplacedInBase);

    /// <summary>Percent of base and adapter together, the convention of LoRA's and DoRA's tables.</summary>
    public double PercentOfAll => 100.0 * Trainable / (Base + Trainable);

    // Numbers of modules_to_save, and of the base that they stand for (of a tied tensor the base holds one).
    private long TrainedWhole { get; init; }

    private long ReplacedInBase { get; init; }

    internal static PlanEstimate Of(AdapterSet set, long tokens)
    {
        var model = set.Model;
        var maps = model.Sites.Where(s => s.Host is ILinearMap && s.Role != SiteRole.Head).ToList();
        var weights = maps.Sum(s => s.Host.InFeatures * s.Host.OutFeatures);
        var adapters = set.Places.Sum(p => p.Adapter.MultiplicationsPerToken(p.Site.Host));
        var trainedInBase = set.TrainedTensors.Sum(t => t.Value.numel());
        var whole = set.TrainedTensors.Where(t => SiteSelection.SavedWhole(set.Config.ModulesToSave, t.Tensor.Module) is not null).ToList();
        return new PlanEstimate(
            set.Count, model.Count, model.Tensors.Where(t => t.TiedTo is null).Sum(t => t.Count * t.Pretrained.element_size()), 16 * set.Count,
            Math.Min(ActivationsOf(maps, tokens), model.ActivationBudget ?? long.MaxValue), tokens * (4.0 * weights + 6.0 * adapters + 2.0 * trainedInBase))
        {
            TrainedWhole = whole.Sum(t => t.Value.numel()),
            ReplacedInBase = whole.Where(t => t.Tensor.TiedTo is null).Sum(t => t.Tensor.Count),
        };
    }

    /// <summary>Bytes that autograd keeps of some layers for the backward pass: about the inputs and outputs of their linear maps, fp32.</summary>
    /// <remarks>40.7 kB a token of each of SmolLM2's layers, where 43 were measured.</remarks>
    internal static long ActivationsOf(IEnumerable<Site> sites, long tokens) =>
        tokens * sizeof(float) * sites.Where(s => s.Host is ILinearMap).Sum(s => s.Host.InFeatures + s.Host.OutFeatures);
}
