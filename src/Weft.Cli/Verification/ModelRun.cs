using TorchSharp;
using Weft.Nn;

namespace Weft.Cli.Verification;

/// <summary>The inputs of one run.</summary>
/// <param name="Name">Its prefix, empty for the run without one.</param>
/// <param name="Input">What the model is called with; null where <paramref name="WhyNot"/> says why it cannot be.</param>
/// <param name="Labels">(batch, tokens) int64, −100 where nothing is supervised; null where the inputs have none.</param>
/// <param name="WhyNot">Why the run is not made.</param>
internal sealed record ModelRun(string Name, TokenInput? Input, torch.Tensor? Labels, string? WhyNot)
{
    /// <summary>What messages call it.</summary>
    public string Title => Name.Length == 0 ? "the run without a prefix" : $"the run {Name}";
}
