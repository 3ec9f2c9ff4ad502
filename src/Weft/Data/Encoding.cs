namespace Weft.Data;

/// <summary>A text as tokens, with where each came from. Lists run over tokens and are equally long.</summary>
public sealed record Encoding
{
    /// <summary>Token ids.</summary>
    public required IReadOnlyList<int> Ids { get; init; }

    /// <summary>Each token's text as the vocabulary writes it; of an added token what was found in the text.</summary>
    public required IReadOnlyList<string> Tokens { get; init; }

    /// <summary>Span of each token in its text, [start, end) in code points; (0, 0) for tokens that the post-processor put in.</summary>
    public required IReadOnlyList<(int Start, int End)> Offsets { get; init; }

    /// <summary>Number of the word (piece between cuts) each token belongs to; null for tokens that the post-processor put in.</summary>
    public required IReadOnlyList<int?> Words { get; init; }

    /// <summary>0 or 1: which text of a pair, as the model is told.</summary>
    public required IReadOnlyList<int> TypeIds { get; init; }

    /// <summary>0 or 1: which text of a pair the token stands in; null for tokens that the post-processor put in.</summary>
    public required IReadOnlyList<int?> Sequences { get; init; }

    /// <summary>1 where the post-processor put the token in.</summary>
    public required IReadOnlyList<int> SpecialTokens { get; init; }

    /// <summary>1 for a token, 0 for padding.</summary>
    public required IReadOnlyList<int> AttentionMask { get; init; }

    /// <summary>The further windows of a text that truncation cut, in order.</summary>
    public IReadOnlyList<Encoding> Overflowing { get; init; } = [];

    /// <summary>An encoding of no tokens.</summary>
    internal static Encoding Empty { get; } = OfSpecial([], [], 0);

    internal static Encoding OfSpecial(int[] ids, string[] tokens, int type) => new()
    {
        Ids = ids,
        Tokens = tokens,
        Offsets = new (int, int)[ids.Length],
        Words = new int?[ids.Length],
        TypeIds = Filled(type, ids.Length),
        Sequences = new int?[ids.Length],
        SpecialTokens = Filled(1, ids.Length),
        AttentionMask = Filled(1, ids.Length),
    };

    /// <summary>Every encoding made as long as the longest, or as <paramref name="length"/>; one that is longer stays as it is.</summary>
    /// <param name="batch">The encodings.</param>
    /// <param name="padId">Id of the padding token.</param>
    /// <param name="padToken">Its text.</param>
    /// <param name="length">Tokens to reach; null takes the longest.</param>
    /// <param name="left">Whether padding stands in front.</param>
    /// <param name="multipleOf">Rounds the length up to a multiple; null leaves it.</param>
    /// <param name="padType">The padding's type id.</param>
    public static IReadOnlyList<Encoding> Pad(IReadOnlyList<Encoding> batch, int padId, string padToken, int? length = null, bool left = false, int? multipleOf = null, int padType = 0)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var target = length ?? batch.Select(e => e.Ids.Count).DefaultIfEmpty(0).Max();
        if (multipleOf is > 0 and var step) target = (target + step - 1) / step * step;
        return [.. batch.Select(e =>
        {
            var missing = target - e.Ids.Count;
            if (missing <= 0) return e;
            var padding = OfSpecial(Filled(padId, missing), [.. Enumerable.Repeat(padToken, missing)], padType) with { AttentionMask = new int[missing] };
            var bare = e with { Overflowing = [] };
            return (left ? Concat(padding, bare) : Concat(bare, padding)) with { Overflowing = e.Overflowing };
        })];
    }

    /// <summary>The first window of at most <paramref name="length"/> tokens; the others are its <see cref="Overflowing"/>.</summary>
    /// <param name="length">Most tokens in a window.</param>
    /// <param name="stride">Tokens that neighbouring windows share.</param>
    /// <param name="left">Whether the end of the text is kept instead of its start.</param>
    /// <exception cref="ArgumentException">The stride is not smaller than the length.</exception>
    public Encoding Truncate(int length, int stride = 0, bool left = false)
    {
        if (length >= Ids.Count) return this;
        if (length == 0) return Empty with { Overflowing = [this] };
        if (stride < 0 || stride >= length)
            throw new ArgumentException($"A stride of {stride} does not fit windows of {length} tokens (special tokens are not counted): it must be from 0 to {length - 1}.", nameof(stride));
        var windows = new List<Encoding>();
        for (var done = 0; ; done += length - stride)
        {
            var (start, end) = left ? (Math.Max(0, Ids.Count - done - length), Ids.Count - done) : (done, Math.Min(done + length, Ids.Count));
            windows.Add(Slice(start, end - start));
            if (left ? start == 0 : end == Ids.Count) break;
        }
        return windows[0] with { Overflowing = windows[1..] };
    }

    /// <summary>Two encodings one after the other; their overflowing windows are combined each with each, as the tokenizers library does.</summary>
    internal static Encoding Join(Encoding a, Encoding b)
    {
        var windows = new List<Encoding>();
        foreach (var mine in a.Overflowing)
        {
            windows.Add(Concat(mine, b));
            windows.AddRange(b.Overflowing.Select(other => Concat(mine, other)));
        }
        windows.AddRange(b.Overflowing.Select(other => Concat(a, other)));
        return Concat(a, b) with { Overflowing = windows };
    }

    internal Encoding WithSequence(int sequence, int type) => this with
    {
        TypeIds = Filled(type, Ids.Count),
        Sequences = [.. Enumerable.Repeat<int?>(sequence, Ids.Count)],
        Overflowing = [.. Overflowing.Select(o => o.WithSequence(sequence, type))],
    };

    /// <summary>Offsets without the spaces that byte-level tokens start or end with.</summary>
    internal Encoding TrimOffsets(bool prefixSpace)
    {
        var offsets = new (int Start, int End)[Ids.Count];
        for (var i = 0; i < offsets.Length; i++)
        {
            var (start, end) = Offsets[i];
            var leading = Tokens[i].TakeWhile(IsSpace).Count();
            var trailing = Tokens[i].Reverse().TakeWhile(IsSpace).Count();
            if (leading > 0)
            {
                if ((i == 0 || start == 0) && prefixSpace) leading--;
                start = Math.Min(start + leading, end);
            }
            if (trailing > 0 && end >= trailing) end = Math.Max(end - trailing, start);
            offsets[i] = (start, end);
        }
        return this with { Offsets = offsets, Overflowing = [.. Overflowing.Select(o => o.TrimOffsets(prefixSpace))] };

        static bool IsSpace(char c) => c == 'Ġ' || char.IsWhiteSpace(c);
    }

    private static Encoding Concat(Encoding a, Encoding b) => new()
    {
        Ids = [.. a.Ids, .. b.Ids],
        Tokens = [.. a.Tokens, .. b.Tokens],
        Offsets = [.. a.Offsets, .. b.Offsets],
        Words = [.. a.Words, .. b.Words],
        TypeIds = [.. a.TypeIds, .. b.TypeIds],
        Sequences = [.. a.Sequences, .. b.Sequences],
        SpecialTokens = [.. a.SpecialTokens, .. b.SpecialTokens],
        AttentionMask = [.. a.AttentionMask, .. b.AttentionMask],
    };

    private Encoding Slice(int start, int count)
    {
        T[] Cut<T>(IReadOnlyList<T> list) => [.. list.Skip(start).Take(count)];
        return new()
        {
            Ids = Cut(Ids),
            Tokens = Cut(Tokens),
            Offsets = Cut(Offsets),
            Words = Cut(Words),
            TypeIds = Cut(TypeIds),
            Sequences = Cut(Sequences),
            SpecialTokens = Cut(SpecialTokens),
            AttentionMask = Cut(AttentionMask),
        };
    }

    private static int[] Filled(int value, int count)
    {
        var list = new int[count];
        Array.Fill(list, value);
        return list;
    }
}
