namespace Weft.Adapters;

/// <summary>What remains to be called at a site: the adapters behind the present one, and at the end the pretrained map.</summary>
public readonly struct Rest
{
    private readonly Adaptable host;
    private readonly IReadOnlyList<Adapter> chain;
    private readonly int next;

    internal Rest(Adaptable host, IReadOnlyList<Adapter> chain, int next) => (this.host, this.chain, this.next) = (host, chain, next);

    /// <summary>Whether no other adapter follows, so that <see cref="Forward"/> is the pretrained map alone.</summary>
    public bool IsBase => next == chain.Count;

    /// <summary>Whether this adapter stands alone at its site.</summary>
    public bool IsAlone => chain.Count == 1;

    /// <summary>Calls what remains.</summary>
    /// <param name="x">(…, in)</param>
    /// <returns>(…, out)</returns>
    public Tensor Forward(Tensor x) => IsBase ? host.Base(x) : chain[next].Forward(host, x, new Rest(host, chain, next + 1));
}
