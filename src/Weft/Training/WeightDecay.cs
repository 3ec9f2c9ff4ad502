using Weft.Adapters;

namespace Weft.Training;

/// <summary>Which tensors weight decay acts on.</summary>
public static class WeightDecay
{
    /// <summary>The same groups, where tensors with fewer than two axes (biases, norms, scales) stand in groups of their own that do not decay.</summary>
    /// <remarks>The order of the tensors inside a group is kept; the rule is that of transformers' Trainer, said by shape instead of by name.</remarks>
    public static IReadOnlyList<OptimizerGroup> OnMatricesOnly(IReadOnlyList<OptimizerGroup> groups)
    {
        var split = new List<OptimizerGroup>();
        foreach (var group in groups)
        {
            var vectors = group.Tensors.Where(t => t.Value.dim() < 2).ToList();
            if (!group.Decays || vectors.Count == 0)
            {
                split.Add(group);
                continue;
            }
            var matrices = group.Tensors.Where(t => t.Value.dim() >= 2).ToList();
            if (matrices.Count > 0) split.Add(group with { Tensors = matrices });
            split.Add(group with { Tensors = vectors, Decays = false });
        }
        return split;
    }
}
