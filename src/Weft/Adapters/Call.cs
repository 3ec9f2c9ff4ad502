namespace Weft.Adapters;

/// <summary>What one call of a model is about, for the adapters that need more than their host's input.</summary>
/// <remarks>
/// The model enters it around its layers, and a recomputation under gradient checkpointing enters the same one again, so that an
/// adapter finds it in <see cref="Current"/> at any depth. It is bound to the thread that computes. What a caller entered or gives to
/// the model goes on into it; mask, segments and cache offset are then those of the model's input.
/// </remarks>
public sealed class Call
{
    [ThreadStatic] private static Call? current;
    private readonly Dictionary<string, Tensor> selections = [];

    /// <summary>A call that says nothing yet.</summary>
    public Call()
    {
    }

    private Call(Call other) => (Mask, Segments, CacheOffset, TokenSelection, RowAdapters, PromptLengths, Ids) =
        (other.Mask, other.Segments, other.CacheOffset, other.TokenSelection, other.RowAdapters, other.PromptLengths, other.Ids);

    /// <summary>The call this thread is computing, or null outside a model.</summary>
    public static Call? Current => current;

    /// <summary>1 where a token is real (batch, tokens), int64; null when all are.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>Number of the document each token of a packed row belongs to (batch, tokens), int64, 0 on padding; null when a row is one document.</summary>
    public Tensor? Segments { get; init; }

    /// <summary>How many tokens lie in the cache before the first one of this call.</summary>
    public long CacheOffset { get; init; }

    /// <summary>1 at the tokens that token-selective adapters edit (batch, tokens); null lets each adapter's own positions decide.</summary>
    public Tensor? TokenSelection { get; init; }

    /// <summary>Name of the adapter each row is meant for, null for the base model; null as a whole when every row has the active ones.</summary>
    public IReadOnlyList<string?>? RowAdapters { get; init; }

    /// <summary>Length in tokens of each document's prompt, row by row, 0 where it has none; null when it is not known. A row is one document unless it is packed.</summary>
    public IReadOnlyList<int>? PromptLengths { get; init; }

    /// <summary>Ids by purpose (task, domain, context) that a method reads by name, each a scalar, (batch) or (batch, tokens).</summary>
    public IReadOnlyDictionary<string, Tensor> Ids { get; init; } = new Dictionary<string, Tensor>();

    /// <summary>Makes this the current call of the thread until the result is disposed.</summary>
    public IDisposable Enter() => new Entered(this);

    /// <summary>This call over an input, which alone says mask, segments and cache offset.</summary>
    internal Call Over(Tensor? mask, Tensor? segments, long cached) =>
        ReferenceEquals(mask, Mask) && ReferenceEquals(segments, Segments) && cached == CacheOffset ? this : new Call(this) { Mask = mask, Segments = segments, CacheOffset = cached };

    /// <summary>This call with the prompts that supervision tells: what stands in a document before its first supervised token.</summary>
    /// <param name="supervised">Where a token is supervised (batch, tokens), bool; the first of a document never is.</param>
    /// <remarks>A document that is supervised from its second token on is plain text and has no prompt; one without a supervised token is all prompt.</remarks>
    internal Call WithPromptsBefore(Tensor supervised)
    {
        var (tokens, isSupervised) = ((int)supervised.shape[1], supervised.data<bool>().ToArray());
        return new Call(this)
        {
            PromptLengths = [.. Documents(supervised.shape[0], tokens).Select(d =>
            {
                var first = Array.FindIndex(d.Tokens, Math.Min(1, d.Tokens.Length), t => isSupervised[d.Row * tokens + t]);
                return first < 0 ? d.Tokens.Length : first == 1 ? 0 : first;
            })],
        };
    }

    /// <summary>The part of this call that some rows are.</summary>
    /// <param name="rows">Places of the rows.</param>
    internal Call OfRows(IReadOnlyList<int> rows)
    {
        var places = tensor(rows.Select(r => (long)r).ToArray());
        Tensor? Of(Tensor? whole) => whole?.index_select(0, places);
        return new Call
        {
            Mask = Of(Mask),
            Segments = Of(Segments),
            CacheOffset = CacheOffset,
            TokenSelection = Of(TokenSelection),
            RowAdapters = RowAdapters is { } names ? [.. rows.Select(r => names[r])] : null,
            PromptLengths = PromptLengths is { } prompts ? [.. PromptsOf(prompts, rows)] : null,
            Ids = Ids.ToDictionary(i => i.Key, i => i.Value.dim() == 0 ? i.Value : Of(i.Value)!),
        };
    }

    /// <summary>The part of this call that rows of one adapter are.</summary>
    internal Call OfOneAdapter(IReadOnlyList<int> rows) => new(OfRows(rows)) { RowAdapters = null };

    /// <summary>This call for a module that sees some tokens of all rows one below the other, as the output head does under a loss.</summary>
    /// <param name="places">Where they stood, counted through the rows.</param>
    /// <param name="tokens">Tokens of a row.</param>
    internal Call OfTokens(Tensor places, long tokens) => new()
    {
        RowAdapters = RowAdapters is { } names ? [.. places.data<long>().ToArray().Select(p => names[(int)(p / tokens)])] : null,
        Ids = Ids.ToDictionary(i => i.Key, i => i.Value.dim() == 0 ? i.Value : (i.Value.dim() == 1 ? i.Value.unsqueeze(1).expand(-1, tokens) : i.Value.narrow(1, 0, tokens)).reshape(-1).index_select(0, places)),
    };

    /// <summary>1 at the first and last tokens of each document's prompt, or of the whole document where it has none, (batch, tokens, 1), fp32; kept while the call lasts.</summary>
    /// <param name="positions">Parts f, l and a count, joined by +.</param>
    /// <param name="batch">Rows of the call.</param>
    /// <param name="tokens">Tokens of a row.</param>
    internal Tensor Selected(TokenPositions positions, long batch, long tokens) => selections.TryGetValue(positions.Text, out var known)
        ? known
        : selections[positions.Text] = Select(positions, batch, tokens).DetachFromDisposeScope();

    /// <summary>The same, not kept.</summary>
    /// <remarks>Behind a cache nothing is selected: the prompt was edited when it went in.</remarks>
    /// <exception cref="ArgumentException">There are not as many prompts as documents.</exception>
    internal Tensor Select(TokenPositions positions, long batch, long tokens)
    {
        if (CacheOffset > 0) return zeros(batch, tokens, 1);
        if (TokenSelection is not null) return TokenSelection.unsqueeze(-1).to(ScalarType.Float32);
        var documents = Documents(batch, tokens);
        if (PromptLengths is not null && PromptLengths.Count != documents.Count)
            throw new ArgumentException($"The call states {PromptLengths.Count} prompt lengths, and its batch holds {documents.Count} documents. Give one for each document, row by row.");
        var selected = new float[batch * tokens];
        for (var i = 0; i < documents.Count; i++)
        {
            var (row, places) = documents[i];
            var count = PromptLengths?[i] is > 0 and var prompt ? Math.Min(prompt, places.Length) : places.Length;
            for (var t = 0; t < count; t++)
                if (positions.Has(t, count)) selected[row * tokens + places[t]] = 1;
        }
        return tensor(selected, [batch, tokens, 1]);
    }

    // The real tokens of each document by their places in the row, row by row.
    private List<(int Row, int[] Tokens)> Documents(long batch, long tokens)
    {
        var (mask, segments) = (Mask?.data<long>().ToArray(), Segments?.data<long>().ToArray());
        var documents = new List<(int, int[])>();
        for (var row = 0; row < batch; row++)
        {
            var start = row * tokens;
            var real = Enumerable.Range(0, (int)tokens).Where(t => mask?[start + t] != 0 && segments?[start + t] != 0);
            if (segments is null) documents.Add((row, [.. real]));
            else documents.AddRange(real.GroupBy(t => segments[start + t]).Select(d => (row, d.ToArray())));
        }
        return documents;
    }

    private IEnumerable<int> PromptsOf(IReadOnlyList<int> prompts, IReadOnlyList<int> rows)
    {
        if (Segments is null) return rows.Select(r => prompts[r]);
        var byRow = Documents(Segments.shape[0], Segments.shape[1]).Select((d, i) => (d.Row, Prompt: prompts[i])).ToLookup(d => d.Row, d => d.Prompt);
        return rows.SelectMany(r => byRow[r]);
    }

    private sealed class Entered : IDisposable
    {
        private readonly Call call;
        private readonly Call? outer;

        public Entered(Call call) => (this.call, outer, current) = (call, current, call);

        public void Dispose()
        {
            current = outer;
            if (outer == call) return; // entered again by a recomputation: the first entry clears up
            foreach (var selection in call.selections.Values) selection.Dispose();
            call.selections.Clear();
        }
    }
}
