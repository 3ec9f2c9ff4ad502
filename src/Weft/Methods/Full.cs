using Weft.Adapters;

namespace Weft.Methods;

/// <summary>Full fine-tuning: every tensor of the base is trained, and no adapter stands anywhere.</summary>
/// <remarks>
/// <code>
/// W′ = W + ΔW      ΔW unrestricted, 0 at the start
/// </code>
/// What the others are measured against, and how a base of our own is made.
/// </remarks>
[PeftMethod("FULL", Paper = "https://arxiv.org/abs/1801.06146")]
public sealed record FullConfig : PeftConfig
{
    /// <inheritdoc/>
    protected internal override bool NeedsTargets => false;

    /// <inheritdoc/>
    protected internal override IEnumerable<string> Problems() =>
        TargetModules is null ? [] : ["Full fine-tuning trains every module; it takes no target_modules. Remove them, or choose a method that adapts modules."];

    /// <inheritdoc/>
    protected internal override bool Trains(BaseTensor tensor, bool isAdapted) => true;

    /// <inheritdoc/>
    protected internal override Adapter? Create(Site site, Construction construction) => null;
}
