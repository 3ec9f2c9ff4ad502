namespace Weft.Adapters;

/// <summary>A place in a model where an adapter may stand.</summary>
/// <param name="Name">Its path as in the checkpoint: <c>model.layers.3.self_attn.q_proj</c>.</param>
/// <param name="Host">The module there.</param>
/// <param name="Role">What the module does.</param>
/// <param name="Layer">The layer it belongs to, or null outside the layers.</param>
/// <param name="Alias">A second name, where adapters of other libraries call the module otherwise; matching and reading accept both.</param>
/// <param name="Heads">Heads of attention that its output (q, k, v) or input (o) holds side by side, or null where there are none.</param>
public sealed record Site(string Name, Adaptable Host, SiteRole Role, int? Layer = null, string? Alias = null, int? Heads = null)
{
    /// <summary>The last part of its path: <c>q_proj</c>.</summary>
    public string LocalName => ModulePath.Last(Name);

    /// <summary>The path it stands in, without its last part.</summary>
    public string Parent => ModulePath.Parent(Name);

    /// <summary>The names it answers to.</summary>
    public IEnumerable<string> Names => Alias is null ? [Name] : [Name, Alias];
}
