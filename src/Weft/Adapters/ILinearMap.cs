namespace Weft.Adapters;

/// <summary>Marks a host that multiplies by one matrix, so that <c>all-linear</c> finds it (Linear, Conv1D).</summary>
public interface ILinearMap
{
    /// <summary>The matrix as pretrained or overridden, (out, in).</summary>
    Tensor Weight { get; }
}
