namespace Weft.Adapters;

/// <summary>A module with a slot for adapters. While the slot is empty it is exactly its pretrained map.</summary>
/// <remarks>
/// A slot, not a wrapper: the fields and the checkpoint keys of the base model stay what they were, so there is nothing to replace
/// when an adapter comes and nothing to restore when it goes.
/// </remarks>
public abstract class Adaptable
{
    private IReadOnlyList<Adapter> chain = [];
    private IReadOnlyDictionary<string, IReadOnlyList<Adapter>> chains = new Dictionary<string, IReadOnlyList<Adapter>>();

    /// <summary>A host of these tensors.</summary>
    /// <param name="tensors">Its pretrained tensors by local name: <c>weight</c>, <c>bias</c>.</param>
    protected Adaptable(params IEnumerable<BaseTensor?> tensors) => Tensors = [.. tensors.OfType<BaseTensor>()];

    /// <summary>Its pretrained tensors.</summary>
    public IReadOnlyList<BaseTensor> Tensors { get; }

    /// <summary>Size of the last axis of its input.</summary>
    public abstract long InFeatures { get; }

    /// <summary>Size of the last axis of what it returns.</summary>
    public abstract long OutFeatures { get; }

    /// <summary>The adapters that act, in the order they are called.</summary>
    public IReadOnlyList<Adapter> Chain => chain;

    /// <summary>The pretrained map alone.</summary>
    /// <param name="x">(…, in)</param>
    /// <returns>(…, out)</returns>
    public abstract Tensor Base(Tensor x);

    /// <summary>The map with the adapters that act.</summary>
    /// <param name="x">(…, in)</param>
    /// <returns>(…, out)</returns>
    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        var y = Call.Current?.RowAdapters is { } rows ? ForwardRows(rows, x) : Run(chain, x);
        return y.MoveToOuterDisposeScope();
    }

    internal void SetChain(IReadOnlyList<Adapter> active, IReadOnlyDictionary<string, IReadOnlyList<Adapter>> byName) => (chain, chains) = (active, byName);

    private Tensor Run(IReadOnlyList<Adapter> adapters, Tensor x) =>
        adapters.Count == 0 ? Base(x) : adapters[0].Forward(this, x, new Rest(this, adapters, 1));

    // Rows of one adapter are computed together; the results go back to their places.
    private Tensor ForwardRows(IReadOnlyList<string?> rows, Tensor x)
    {
        if (chains.Count == 0) return Base(x);
        var groups = rows.Select((name, row) => (name, row)).GroupBy(r => r.name ?? "", r => (long)r.row).ToList();
        var order = groups.SelectMany(g => g).ToArray();
        var parts = groups.Select(g => Run(g.Key.Length > 0 && chains.TryGetValue(g.Key, out var own) ? own : [], x.index_select(0, tensor(g.ToArray()))));
        return cat([.. parts], 0).index_select(0, argsort(tensor(order)));
    }
}
