using System.Text.Json.Nodes;

namespace Weft.Adapters;

/// <summary>A pretrained model as adapters see it: sites, tensors, and the sets of adapters it carries.</summary>
/// <remarks>
/// Several sets may be attached; those that act are chosen by name. A set that acts alone is called in place of each host's own map;
/// several are chained in the order they were activated.
/// </remarks>
public abstract class BaseModel : IDisposable
{
    private readonly Dictionary<string, AdapterSet> sets = new(StringComparer.Ordinal);
    private List<string> active = [];
    private bool disposed;
    private Lazy<string>? fingerprint;

    /// <summary>The parsed config.json.</summary>
    public abstract JsonObject Config { get; }

    /// <summary>Where adapters may stand, in the order of the model.</summary>
    public abstract IReadOnlyList<Site> Sites { get; }

    /// <summary>Every tensor of the base, tied ones included, in the order of the model.</summary>
    public abstract IReadOnlyList<BaseTensor> Tensors { get; }

    /// <summary>Where it was loaded from: a folder, a file, a name; empty when it was made in memory.</summary>
    public string Source { get; init; } = "";

    /// <summary>The class that the reference library loads it with: <c>LlamaForCausalLM</c>.</summary>
    public string Architecture => Config["architectures"] is JsonArray { Count: > 0 } names ? (string)names[0]! : "";

    /// <summary>Numbers the base holds; a tied tensor counts once.</summary>
    public long Count => Tensors.Where(t => t.TiedTo is null).Sum(t => t.Count);

    /// <summary>Gradient checkpointing: bytes of activations that layers may keep for the backward pass; the first layers, which would keep more, are computed again there. Null keeps all, 0 none.</summary>
    public long? ActivationBudget { get; set; }

    /// <summary>The attached sets by name.</summary>
    public IReadOnlyDictionary<string, AdapterSet> Adapters => sets;

    /// <summary>Names of the sets that act, in the order they are called.</summary>
    public IReadOnlyList<string> ActiveAdapters => active;

    /// <summary>Outputs on a small fixed input, to compare before and after a merge.</summary>
    /// <returns>(batch, tokens, vocabulary) or what the family returns.</returns>
    public abstract Tensor Probe();

    /// <summary>Lets these sets act, in this order; none leaves the base model.</summary>
    /// <exception cref="ArgumentException">A name that is not attached, is given twice or is merged into the weights already, or two sets that train one tensor of the base.</exception>
    public void Activate(params IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        var unknown = names.Where(n => !sets.ContainsKey(n)).ToList();
        if (unknown.Count > 0) throw new ArgumentException(Unknown(unknown));
        if (names.Distinct().Count() < names.Count) throw new ArgumentException($"{string.Join(", ", names)}: an adapter acts once. Name each one once.");
        var merged = names.Where(n => sets[n].IsMerged).ToList();
        if (merged.Count > 0) throw new ArgumentException(Merged(merged));
        var overrides = names.SelectMany(n => sets[n].TrainedTensors.SelectMany(t => t.Tensors.Select(b => (b, t.Value, n)))).ToList();
        var twice = overrides.GroupBy(o => o.b).FirstOrDefault(g => g.Count() > 1);
        if (twice is not null)
            throw new ArgumentException($"{string.Join(" and ", twice.Select(o => o.n))} both train {twice.Key.Key}; only one of them can act.");

        active = [.. names];
        foreach (var tensor in Tensors) tensor.Override = null;
        foreach (var (tensor, value, _) in overrides) tensor.Override = value;
        var places = sets.Values.SelectMany(s => s.Places.Select(p => (Set: s.Name, Place: p))).ToLookup(p => p.Place.Site.Host);
        foreach (var host in Sites.Select(s => s.Host))
        {
            var here = places[host].GroupBy(p => p.Set).ToDictionary(g => g.Key, g => (IReadOnlyList<Adapter>)[.. g.Select(p => p.Place.Adapter)]);
            host.SetChain([.. active.Where(here.ContainsKey).SelectMany(n => here[n])], here);
        }
    }

    /// <summary>Leaves the base model alone until <see cref="Activate"/> is called again.</summary>
    public void DisableAdapters() => Activate();

    /// <summary>Puts the adapters into training mode (dropout acts) or out of it.</summary>
    public void Train(bool on = true)
    {
        foreach (var adapter in sets.Values.SelectMany(s => s.Places).Select(p => p.Adapter)) adapter.train(on);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the tensors of the base and of the attached sets.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposed || !disposing) return;
        disposed = true;
        foreach (var set in sets.Values.ToList()) set.Dispose();
        for (var merging = LastMerging; merging is not null; merging = merging.Before) merging.Free();
        foreach (var tensor in Tensors) tensor.Dispose();
    }

    /// <summary>The last merge that was not taken out again.</summary>
    internal Merging? LastMerging { get; set; }

    /// <summary>The fingerprint of the weights as they are; a merge puts a new one here and leaves the old one to the sets that were made before it.</summary>
    internal Lazy<string> FingerprintOfWeights
    {
        get => fingerprint ??= new Lazy<string>(() => Fingerprint.Compute(this));
        set => fingerprint = value;
    }

    internal void ForgetFingerprint() => fingerprint = null;

    internal void Add(AdapterSet set)
    {
        if (set.IsMerged) throw new ArgumentException(Merged([set.Name]));
        if (sets.TryGetValue(set.Name, out var other) && other != set) RefuseTakenName(set.Name);
        sets[set.Name] = set;
    }

    /// <summary>Why these sets cannot act on rows of one batch each.</summary>
    internal IEnumerable<string> ProblemsOfRows(IEnumerable<string?> names)
    {
        var meant = names.OfType<string>().Distinct().ToList();
        if (meant.Where(n => !sets.ContainsKey(n)).ToList() is { Count: > 0 } unknown) yield return Unknown(unknown);
        var known = meant.Where(sets.ContainsKey).ToList();
        if (known.Where(n => sets[n].IsMerged).ToList() is { Count: > 0 } merged) yield return Merged(merged);
        foreach (var name in known.Union(active).Where(n => sets[n].TrainedTensors.Count > 0))
            yield return $"{name} trains tensors of the base ({sets[name].TrainedTensors[0].Tensor.Key} …), which all rows of a batch have in common. Compute its rows in a batch of their own.";
    }

    internal void RefuseTakenName(string name)
    {
        if (sets.ContainsKey(name)) throw new ArgumentException($"An adapter called {name} is attached already. Detach it, or give the new one another name.");
    }

    internal void Remove(AdapterSet set)
    {
        if (!sets.TryGetValue(set.Name, out var attached) || attached != set) return;
        Activate([.. active.Where(n => n != set.Name)]);
        sets.Remove(set.Name);
        Activate(active);
    }

    private static string Merged(IReadOnlyList<string> names) => $"{string.Join(", ", names)}: merged into the weights already, so acting would count twice. Unmerge first.";

    private string Unknown(IReadOnlyList<string> names) => $"No adapter is called {string.Join(", ", names)}. Attached are: {(sets.Count == 0 ? "none" : string.Join(", ", sets.Keys))}.";
}
