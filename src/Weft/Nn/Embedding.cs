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
    /// <returns>(…, width), float32 (float64 of a float64 table).</returns>
    public override Tensor Base(Tensor x) => Lookup(weight.Value, x);

    /// <summary>Rows of a table for ids of any shape; half-width types are raised to float32.</summary>
    public static Tensor Lookup(Tensor table, Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(table);
        ArgumentNullException.ThrowIfNull(ids);
        using var scope = NewDisposeScope();
        var type = table.dtype == ScalarType.Float64 ? table.dtype : ScalarType.Float32;
        return table.index_select(0, ids.reshape(-1)).to(type).reshape([.. ids.shape, table.shape[1]]).MoveToOuterDisposeScope();
    }
}
