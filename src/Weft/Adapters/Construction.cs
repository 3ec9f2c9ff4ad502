namespace Weft.Adapters;

/// <summary>The building of one set of adapters: what its adapters hold in common, and what it is built for.</summary>
/// <param name="isSaved">Whether the set is read from a folder, whose tensors then decide what is possible.</param>
public sealed class Construction(bool isSaved)
{
    private readonly Dictionary<string, (nn.Module Module, string Owner)> modules = new(StringComparer.Ordinal);
    private readonly Dictionary<string, nn.Module> ofSet = new(StringComparer.Ordinal);

    /// <summary>Whether the set is read from a folder.</summary>
    public bool IsSaved { get; } = isSaved;

    /// <summary>The longest axis of the folder's tensors; a rank above it is none of theirs, and nothing is allocated for it.</summary>
    internal long LongestAxis { get; init; } = long.MaxValue;

    /// <summary>Modules of the whole set, by the name their tensors are stored under.</summary>
    internal IReadOnlyDictionary<string, nn.Module> OfSet => ofSet;

    /// <summary>Every module that several adapters hold in common.</summary>
    internal IEnumerable<nn.Module> InCommon => modules.Values.Select(m => m.Module).Concat(ofSet.Values);

    /// <summary>Refuses a rank that a site cannot have, before its tensors are made.</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="most">The most that the site's widths can use, which binds a new set.</param>
    /// <param name="what">Those widths in words.</param>
    /// <exception cref="ArgumentException">It is more.</exception>
    internal void RefuseRank(int rank, long most, string what)
    {
        if (rank > LongestAxis) throw new ArgumentException($"rank {rank} is more than the longest axis of the folder's tensors, {LongestAxis}. Its config and its tensors do not belong together.");
        if (!IsSaved && rank > most) throw new ArgumentException($"rank {rank} is more than {what}. Lower r, or give the module its own in rank_pattern.");
    }

    /// <summary>A module that belongs to no site but to the set; the first site that asks creates it. Its tensors are stored as <c>base_model.NAME.…</c>, as VeRA's projections are.</summary>
    /// <param name="name">Its name; empty stores its tensors directly below <c>base_model</c>.</param>
    /// <param name="create">Makes the module.</param>
    public T OfWholeSet<T>(string name, Func<T> create) where T : nn.Module
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(create);
        if (!ofSet.TryGetValue(name, out var known)) ofSet[name] = known = create();
        return (T)known;
    }

    /// <summary>The module of a name; the first site that asks creates it and stores it.</summary>
    /// <param name="name">What the sharing sites agree on.</param>
    /// <param name="site">The site that asks.</param>
    /// <param name="create">Makes the module.</param>
    /// <param name="owner">Name of the site that created it.</param>
    public T Shared<T>(string name, Site site, Func<T> create, out string owner) where T : nn.Module
    {
        ArgumentNullException.ThrowIfNull(site);
        ArgumentNullException.ThrowIfNull(create);
        if (!modules.TryGetValue(name, out var known)) modules[name] = known = (create(), site.Name);
        owner = known.Owner;
        return (T)known.Module;
    }
}
