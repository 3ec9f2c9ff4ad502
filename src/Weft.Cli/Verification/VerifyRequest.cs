namespace Weft.Cli.Verification;

/// <summary>What is to be verified: a model, perhaps an adapter, given inputs, and what another implementation made of them.</summary>
/// <param name="Model">A folder, a .gguf file or a name, as <see cref="Weft.Models.Pretrained.Find"/> takes it.</param>
/// <param name="Adapter">An adapter folder, or null.</param>
/// <param name="Inputs">A safetensors file of inputs.</param>
/// <param name="Expected">A safetensors file of what is expected.</param>
internal sealed record VerifyRequest(string Model, string? Adapter, string Inputs, string Expected)
{
    /// <summary>The run whose loss gradients are of, empty for the one without a prefix; null takes that one, else <c>right</c>.</summary>
    public string? GradientsOf { get; init; }

    /// <summary>How far ours may be from theirs.</summary>
    public Tolerances Tolerances { get; init; } = Tolerances.Default;

    /// <summary>Why the case's adapter cannot be taken, so that only quantities of the base are compared; null where there is one or none.</summary>
    public string? WhyNoAdapter { get; init; }
}
