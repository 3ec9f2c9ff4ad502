namespace Weft.Adapters;

/// <summary>What one call of a model is about, for the adapters that need more than their host's input.</summary>
/// <remarks>
/// The model enters it around its layers, and a recomputation under gradient checkpointing enters the same one again, so that an
/// adapter finds it in <see cref="Current"/> at any depth. It is bound to the thread that computes.
/// </remarks>
public sealed class Call
{
    [ThreadStatic] private static Call? current;
    private readonly Dictionary<string, Tensor> selections = [];

    /// <summary>The call this thread is computing, or null outside a model.</summary>
    public static Call? Current => current;

    /// <summary>1 where a token is real (batch, tokens), int64; null when all are.</summary>
    public Tensor? Mask { get; init; }

    /// <summary>Number of the document each token of a packed row belongs to (batch, tokens), int64; null when a row is one document.</summary>
    public Tensor? Segments { get; init; }

    /// <summary>How many tokens lie in the cache before the first one of this call.</summary>
    public long CacheOffset { get; init; }

    /// <summary>1 at the tokens that token-selective adapters edit (batch, tokens); null lets each adapter's own positions decide.</summary>
    public Tensor? TokenSelection { get; init; }

    /// <summary>Name of the adapter each row is meant for, null for the base model; null as a whole when every row has the active ones.</summary>
    public IReadOnlyList<string?>? RowAdapters { get; init; }

    /// <summary>Length in tokens of each row's prompt; null when it is not known.</summary>
    public IReadOnlyList<int>? PromptLengths { get; init; }

    /// <summary>Ids by purpose (task, domain, context) that a method reads by name, each (batch) or (batch, tokens).</summary>
    public IReadOnlyDictionary<string, Tensor> Ids { get; init; } = new Dictionary<string, Tensor>();

    /// <summary>Makes this the current call of the thread until the result is disposed.</summary>
    public IDisposable Enter() => new Entered(this);

    /// <summary>1 at the first and last tokens of each row (batch, tokens, 1), fp32, in the notation <c>f2+l2</c>; counted over real tokens.</summary>
    /// <param name="positions">Parts f, l and a count, joined by +.</param>
    /// <param name="batch">Rows of the call.</param>
    /// <param name="tokens">Tokens of a row.</param>
    /// <remarks>Behind a cache nothing is selected: the prompt was edited when it went in.</remarks>
    internal Tensor Selected(TokenPositions positions, long batch, long tokens)
    {
        if (TokenSelection is not null) return TokenSelection.unsqueeze(-1).to(ScalarType.Float32);
        if (selections.TryGetValue(positions.Text, out var known)) return known;
        return selections[positions.Text] = (CacheOffset > 0 ? zeros(batch, tokens, 1) : positions.Of(Mask ?? ones(batch, tokens, dtype: int64))).DetachFromDisposeScope();
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
