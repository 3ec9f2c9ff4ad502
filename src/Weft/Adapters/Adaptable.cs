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
        var y = Call.Current is { RowAdapters: { } rows } call ? ForwardRows(call, rows, x) : Run(chain, x);
        return y.MoveToOuterDisposeScope();
    }

    internal void SetChain(IReadOnlyList<Adapter> active, IReadOnlyDictionary<string, IReadOnlyList<Adapter>> byName) => (chain, chains) = (active, byName);

    private Tensor Run(IReadOnlyList<Adapter> adapters, Tensor x) =>
        adapters.Count == 0 ? Base(x) : adapters[0].Forward(this, x, new Rest(this, adapters, 1));

    // Rows of one adapter are computed together, in a call of their own; the results go back to their places.
    private Tensor ForwardRows(Call call, IReadOnlyList<string?> names, Tensor x)
    {
        if (chains.Count == 0) return Base(x);
        if (names.Count != x.shape[0]) throw new ArgumentException($"The call names adapters for {names.Count} rows, and {x.shape[0]} are computed. Name one for each row, null for the base model.");
        var groups = names.Select((name, row) => (name, row)).GroupBy(r => r.name, r => r.row).Select(g => (Name: g.Key, Rows: g.ToList())).ToList();
        var order = groups.SelectMany(g => g.Rows).Select(r => (long)r).ToArray();
        var parts = groups.Select(g =>
        {
            var rows = x.index_select(0, tensor(g.Rows.Select(r => (long)r).ToArray()));
            if (g.Name is null || !chains.TryGetValue(g.Name, out var own)) return Base(rows);
            using var entered = call.OfOneAdapter(g.Rows).Enter();
            return Run(own, rows);
        });
        return cat([.. parts], 0).index_select(0, argsort(tensor(order)));
    }
}
