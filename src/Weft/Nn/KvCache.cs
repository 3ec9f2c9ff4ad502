namespace Weft.Nn;

/// <summary>Keys and values of the tokens already seen, one pair of buffers per layer.</summary>
public sealed class KvCache : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)?[] layers;
    private readonly long capacity;

    /// <summary>An empty cache.</summary>
    /// <param name="layerCount">Layers of the model.</param>
    /// <param name="capacity">Most tokens it will hold.</param>
    public KvCache(int layerCount, long capacity) => (layers, this.capacity) = (new (Tensor, Tensor)?[layerCount], capacity);

    /// <summary>Tokens it holds.</summary>
    public long Length { get; private set; }

    /// <summary>Adds a call's keys and values and returns all of them.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="keys">(batch, heads, tokens, d)</param>
    /// <param name="values">(batch, heads, tokens, d)</param>
    /// <returns>Views (batch, heads, cached + tokens, d).</returns>
    /// <exception cref="InvalidOperationException">It would hold more than its capacity.</exception>
    public (Tensor Keys, Tensor Values) Add(int layer, Tensor keys, Tensor values)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        var tokens = keys.shape[2];
        if (Length + tokens > capacity) throw new InvalidOperationException($"The cache holds {Length} of {capacity} tokens and cannot take {tokens} more.");
        var (allKeys, allValues) = layers[layer] ??= (Buffer(keys), Buffer(values));
        using (var old = allKeys.narrow(2, Length, tokens)) old.copy_(keys).Dispose();
        using (var old = allValues.narrow(2, Length, tokens)) old.copy_(values).Dispose();
        return (allKeys.narrow(2, 0, Length + tokens), allValues.narrow(2, 0, Length + tokens));
    }

    /// <summary>Says that a whole call has been added to every layer.</summary>
    public void Advance(long tokens) => Length += tokens;

    /// <summary>Keeps some rows, in the order given (rows that ended are let go).</summary>
    public void Select(Tensor rows)
    {
        for (var i = 0; i < layers.Length; i++)
            if (layers[i] is var (keys, values))
            {
                layers[i] = (keys.index_select(0, rows).DetachFromDisposeScope(), values.index_select(0, rows).DetachFromDisposeScope());
                keys.Dispose();
                values.Dispose();
            }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in layers)
        {
            layer?.Keys.Dispose();
            layer?.Values.Dispose();
        }
    }

    private Tensor Buffer(Tensor like) => empty([like.shape[0], like.shape[1], capacity, like.shape[3]], dtype: like.dtype, device: like.device).DetachFromDisposeScope();
}
