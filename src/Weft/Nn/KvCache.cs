namespace Weft.Nn;

/// <summary>Keys and values of the tokens already seen, one pair of buffers per layer.</summary>
/// <remarks>Buffers hold more than is in them and double when they are full, so that an answer that ends early never pays for the longest one.</remarks>
public sealed class KvCache : IDisposable
{
    private const long Spare = 64;
    private readonly (Tensor Keys, Tensor Values)?[] layers;
    private readonly long capacity;

    /// <summary>An empty cache.</summary>
    /// <param name="layerCount">Layers of the model.</param>
    /// <param name="capacity">Most tokens it will hold.</param>
    /// <exception cref="ArgumentOutOfRangeException">Either is below 1.</exception>
    public KvCache(int layerCount, long capacity)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layerCount, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        (layers, this.capacity) = (new (Tensor, Tensor)?[layerCount], capacity);
    }

    /// <summary>Tokens it holds.</summary>
    public long Length { get; private set; }

    /// <summary>Adds a call's keys and values and returns all of them.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="keys">(batch, heads, tokens, d)</param>
    /// <param name="values">(batch, heads, tokens, d)</param>
    /// <returns>Views (batch, heads, cached + tokens, d).</returns>
    /// <exception cref="ArgumentException">The call has another number of rows than the cache.</exception>
    /// <exception cref="InvalidOperationException">It would hold more than its capacity.</exception>
    public (Tensor Keys, Tensor Values) Add(int layer, Tensor keys, Tensor values)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(values);
        var tokens = keys.shape[2];
        if (Length + tokens > capacity) throw new InvalidOperationException($"The cache holds {Length} of {capacity} tokens and cannot take {tokens} more.");
        if (layers[layer] is not var (allKeys, allValues)) (allKeys, allValues) = (Buffer(keys, tokens + Spare), Buffer(values, tokens + Spare));
        if (allKeys.shape[0] != keys.shape[0]) throw new ArgumentException($"The cache holds {allKeys.shape[0]} rows, the call has {keys.shape[0]}. Select the rows that go on.");
        var held = allKeys.shape[2];
        if (Length + tokens > held) (allKeys, allValues) = (Grown(allKeys, 2 * held + tokens), Grown(allValues, 2 * held + tokens));
        layers[layer] = (allKeys, allValues);
        using (var free = allKeys.narrow(2, Length, tokens)) free.copy_(keys).Dispose();
        using (var free = allValues.narrow(2, Length, tokens)) free.copy_(values).Dispose();
        return (allKeys.narrow(2, 0, Length + tokens), allValues.narrow(2, 0, Length + tokens));
    }

    /// <summary>Says that a whole call has been added to every layer.</summary>
    public void Advance(long tokens) => Length += tokens;

    /// <summary>Keeps some rows, in the order given (rows that ended are let go).</summary>
    /// <param name="rows">Numbers of the rows (rows that stay), int64.</param>
    public void Select(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        for (var i = 0; i < layers.Length; i++)
            if (layers[i] is var (keys, values))
                layers[i] = (Selected(keys, rows), Selected(values, rows));
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

    private Tensor Buffer(Tensor like, long tokens) =>
        empty([like.shape[0], like.shape[1], Math.Min(tokens, capacity), like.shape[3]], dtype: like.dtype, device: like.device).DetachFromDisposeScope();

    private Tensor Grown(Tensor old, long tokens) => Moved(old, Buffer(old, tokens), held => held.alias());

    private Tensor Selected(Tensor old, Tensor rows)
    {
        using var like = old.narrow(0, 0, 1).expand(rows.shape[0], -1, -1, -1);
        return Moved(old, Buffer(like, old.shape[2]), held => held.index_select(0, rows));
    }

    // Copies the tokens that are held, not the room behind them.
    private Tensor Moved(Tensor old, Tensor buffer, Func<Tensor, Tensor> part)
    {
        using var scope = NewDisposeScope();
        if (Length > 0) buffer.narrow(2, 0, Length).copy_(part(old.narrow(2, 0, Length)));
        old.Dispose();
        return buffer;
    }
}
