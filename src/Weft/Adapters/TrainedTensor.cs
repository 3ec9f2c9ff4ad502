namespace Weft.Adapters;

/// <summary>A tensor of the base that a set of adapters trains itself: a bias, a part of modules_to_save, or everything.</summary>
/// <param name="Tensor">The tensor of the base.</param>
/// <param name="Value">The trained copy, fp32; it stands in the base's place while the set acts.</param>
/// <param name="Key">Its key on disk.</param>
/// <param name="Followers">Tensors tied to it that are trained with it.</param>
public sealed record TrainedTensor(BaseTensor Tensor, Parameter Value, string Key, IReadOnlyList<BaseTensor> Followers)
{
    /// <summary>The tensors whose value it gives.</summary>
    public IEnumerable<BaseTensor> Tensors => Followers.Prepend(Tensor);
}
