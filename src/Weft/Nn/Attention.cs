using Weft.Adapters;

namespace Weft.Nn;

/// <summary>Causal self-attention with rotary positions and grouped queries.</summary>
public sealed class Attention
{
    private readonly Linear q_proj, k_proj, v_proj, o_proj;
    private readonly long heads, groups, headWidth;
    private readonly string path;

    /// <summary>Attention that takes its four projections from a scope.</summary>
    /// <param name="weights">The scope: <c>….self_attn</c>.</param>
    /// <param name="width">Width of the model.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="groups">Key-value heads; query head h reads h / (heads / groups).</param>
    /// <param name="headWidth">Width of a head.</param>
    /// <param name="inputBias">Whether q, k and v have a bias.</param>
    /// <param name="outputBias">Whether o has a bias.</param>
    public Attention(Weights weights, long width, long heads, long groups, long headWidth, bool inputBias, bool outputBias)
    {
        ArgumentNullException.ThrowIfNull(weights);
        (this.heads, this.groups, this.headWidth, path) = (heads, groups, headWidth, weights.Path);
        q_proj = new Linear(weights.At("q_proj"), width, heads * headWidth, inputBias);
        k_proj = new Linear(weights.At("k_proj"), width, groups * headWidth, inputBias);
        v_proj = new Linear(weights.At("v_proj"), width, groups * headWidth, inputBias);
        o_proj = new Linear(weights.At("o_proj"), heads * headWidth, width, outputBias);
    }

    /// <summary>Where adapters may stand.</summary>
    public IEnumerable<Site> Sites(int layer) =>
    [
        new($"{path}.q_proj", q_proj, SiteRole.Query, layer, Heads: (int)heads), new($"{path}.k_proj", k_proj, SiteRole.Key, layer, Heads: (int)groups),
        new($"{path}.v_proj", v_proj, SiteRole.Value, layer, Heads: (int)groups), new($"{path}.o_proj", o_proj, SiteRole.AttentionOutput, layer, Heads: (int)heads),
    ];

    /// <summary>(batch, tokens, width) → (batch, tokens, width)</summary>
    /// <param name="x">Normed hidden states.</param>
    /// <param name="turn">cos and sin of the positions.</param>
    /// <param name="mask">What each query may see.</param>
    /// <param name="cache">Keys and values before this call, or null.</param>
    /// <param name="layer">The layer, for the cache.</param>
    public Tensor Forward(Tensor x, (Tensor Cos, Tensor Sin) turn, AttentionMask mask, KvCache? cache, int layer)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(mask);
        using var scope = NewDisposeScope();
        var (batch, tokens) = (x.shape[0], x.shape[1]);
        var q = RotaryEmbedding.Turn(q_proj.Forward(x).view(batch, tokens, heads, headWidth), turn.Cos, turn.Sin).transpose(1, 2);
        var k = RotaryEmbedding.Turn(k_proj.Forward(x).view(batch, tokens, groups, headWidth), turn.Cos, turn.Sin).transpose(1, 2);
        var v = v_proj.Forward(x).view(batch, tokens, groups, headWidth).transpose(1, 2);
        if (cache is not null) (k, v) = cache.Add(layer, k, v);
        var y = tokens == 1 ? OneQuery(q, k, v, mask) : Many(q, k, v, mask);
        return o_proj.Forward(y.reshape(batch, tokens, heads * headWidth)).MoveToOuterDisposeScope();
    }

    private Tensor Many(Tensor q, Tensor k, Tensor v, AttentionMask mask)
    {
        if (groups != heads) (k, v) = (k.repeat_interleave(heads / groups, 1), v.repeat_interleave(heads / groups, 1));
        return nn.functional.scaled_dot_product_attention(q, k, v, mask.Added, is_casual: mask.IsCausal).transpose(1, 2);
    }

    // With one token, the query heads of a group stand where tokens would, so that keys and values are not repeated.
    private Tensor OneQuery(Tensor q, Tensor k, Tensor v, AttentionMask mask) =>
        nn.functional.scaled_dot_product_attention(q.reshape(q.shape[0], groups, heads / groups, headWidth), k, v, mask.Added);
}
