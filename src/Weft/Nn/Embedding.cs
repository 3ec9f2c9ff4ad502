using Weft.Adapters;

namespace Weft.Nn;

/// <summary>A table of vectors looked up by id.</summary>
public sealed class Embedding : Adaptable
{
    private readonly BaseTensor weight;

    /// <summary>A table that takes <c>weight</c> from a scope.</summary>
    public Embedding(Weights weights, long count, long width) : base(weights.Matrix("weight", count, width))
    {
        weight = Tensors[0];
        (InFeatures, OutFeatures) = (count, width);
    }

    /// <summary>How many ids there are.</summary>
    public override long InFeatures { get; }

    /// <inheritdoc/>
    public override long OutFeatures { get; }

    /// <summary>The table (ids, width).</summary>
    public BaseTensor Weight => weight;

    /// <summary>Looks ids up.</summary>
    /// <param name="x">Ids of any shape, int64.</param>
    /// <returns>(…, width), float32.</returns>
    public override Tensor Base(Tensor x) => Lookup(weight.Value, x);

    /// <summary>Rows of a table for ids of any shape, float32.</summary>
    public static Tensor Lookup(Tensor table, Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(ids);
        using var scope = NewDisposeScope();
        return table.index_select(0, ids.reshape(-1)).to(ScalarType.Float32).reshape([.. ids.shape, table.shape[1]]).MoveToOuterDisposeScope();
    }
}
