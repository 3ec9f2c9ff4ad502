namespace Weft.Adapters;

/// <summary>What a merge did.</summary>
/// <param name="Tensors">Keys of the changed tensors.</param>
/// <param name="LargestRelativeDifference">Largest difference of the probe's outputs before and after, relative to the largest output.</param>
/// <param name="Budget">What was allowed.</param>
public sealed record MergeReport(IReadOnlyList<string> Tensors, double LargestRelativeDifference, double Budget);
