namespace Weft.Adapters;

/// <summary>The building of one set of adapters: what its adapters hold in common, and what it is built for.</summary>
/// <param name="isSaved">Whether the set is read from a folder, whose tensors then decide what is possible.</param>
public sealed class Construction(bool isSaved)
{
    private readonly Dictionary<string, (nn.Module Module, string Owner)> modules = new(StringComparer.Ordinal);

    /// <summary>Whether the set is read from a folder.</summary>
    public bool IsSaved { get; } = isSaved;

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
