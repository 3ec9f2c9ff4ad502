namespace Weft.Nn;

/// <summary>Which keys each query of a causal call may see.</summary>
/// <param name="Added">What is added to the scores (batch or 1, 1, queries, keys), 0 or −∞; null where plain causal order or nothing at all is left out.</param>
/// <param name="IsCausal">Whether plain causal order is all there is, which the attention kernel knows by itself.</param>
public sealed record AttentionMask(Tensor? Added, bool IsCausal)
{
    /// <summary>The mask of a call.</summary>
    /// <param name="input">The call's tokens. Its mask covers the cached tokens too.</param>
    /// <param name="cached">Tokens in the cache before this call.</param>
    /// <param name="window">How many positions a query sees, itself included; null for all before it.</param>
    /// <remarks>A query on padding sees itself, so that no row of scores is empty.</remarks>
    /// <exception cref="ArgumentException">The mask does not cover the cached tokens and the call's, or packed rows come with a cache.</exception>
    public static AttentionMask For(TokenInput input, long cached, long? window)
    {
        ArgumentNullException.ThrowIfNull(input);
        using var _ = no_grad();
        var (queries, keys) = (input.Ids.shape[1], cached + input.Ids.shape[1]);
        if (input.Mask is { } mask && mask.shape[1] != keys)
            throw new ArgumentException($"The attention mask covers {mask.shape[1]} tokens; {cached} are cached and {queries} are new. It covers both.");
        if (input.Segments is not null && cached > 0) throw new ArgumentException("Packed rows are computed at once: their documents cannot go on behind a cache.");
        var slides = window is { } w && w < keys;
        if (queries == 1) return OneQuery(input.Mask, keys, slides ? window : null);
        using var scope = NewDisposeScope();
        var padded = input.Mask is not null && HidesFirst(input.Mask);
        if (!slides && !padded && input.Segments is null && cached == 0) return new AttentionMask(null, IsCausal: true);
        var query = arange(cached, keys).unsqueeze(1);
        var key = arange(0, keys).unsqueeze(0);
        var seen = key.le(query);
        if (slides) seen = seen.logical_and((query - key).lt(window!.Value));
        seen = seen.unsqueeze(0).unsqueeze(0);
        if (padded) seen = seen.logical_and(input.Mask!.ne(0).unsqueeze(1).unsqueeze(1));
        if (input.Segments is { } documents) seen = seen.logical_and(documents.unsqueeze(1).unsqueeze(3).eq(documents.unsqueeze(1).unsqueeze(2)));
        seen = seen.logical_or(key.eq(query));
        return new AttentionMask(zeros(seen.shape).masked_fill(seen.logical_not(), float.NegativeInfinity).MoveToOuterDisposeScope(), IsCausal: false);
    }

    // The only query is the last token, before which every key stands.
    private static AttentionMask OneQuery(Tensor? mask, long keys, long? window)
    {
        if (mask is null && window is null) return new AttentionMask(null, IsCausal: false);
        using var scope = NewDisposeScope();
        var added = mask is null ? zeros(1, keys) : zeros(mask.shape).masked_fill_(mask.eq(0), float.NegativeInfinity);
        if (window is { } w) added.narrow(1, 0, keys - w).fill_(float.NegativeInfinity);
        added.narrow(1, keys - 1, 1).zero_();
        return new AttentionMask(added.unsqueeze(1).unsqueeze(1).MoveToOuterDisposeScope(), IsCausal: false);
    }

    // Padding behind a row's tokens is never seen under causal order; padding before or between them is.
    private static bool HidesFirst(Tensor mask) => mask.shape[1] > 1 && (mask.narrow(1, 1, mask.shape[1] - 1) - mask.narrow(1, 0, mask.shape[1] - 1)).gt(0).any().item<bool>();
}
