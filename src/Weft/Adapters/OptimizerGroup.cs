namespace Weft.Adapters;

/// <summary>Trainable tensors that one learning rate and one choice about weight decay serve.</summary>
/// <param name="Tensors">Key on disk and tensor, in the order of the adapter file.</param>
/// <param name="RateFactor">What the learning rate is multiplied by (LoRA+ gives its B matrices a larger rate).</param>
/// <param name="Decays">Whether weight decay acts on these tensors.</param>
public sealed record OptimizerGroup(IReadOnlyList<(string Key, Parameter Value)> Tensors, double RateFactor = 1, bool Decays = true);
