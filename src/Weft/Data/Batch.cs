using Weft.Nn;

namespace Weft.Data;

/// <summary>Rows that a model sees at once.</summary>
public sealed class Batch : IDisposable
{
    internal Batch(TokenInput input, Tensor labels, IReadOnlyList<long> rows, long tokens, long supervised) =>
        (Input, Labels, Rows, Tokens, SupervisedTokens) = (input, labels, rows, tokens, supervised);

    /// <summary>Ids, and mask, positions and segments where rows need them, each (batch, tokens), int64.</summary>
    public TokenInput Input { get; }

    /// <summary>The id where a token is supervised, −100 elsewhere (batch, tokens), int64; not shifted.</summary>
    public Tensor Labels { get; }

    /// <summary>Numbers of the data rows in it, from 0, in order.</summary>
    public IReadOnlyList<long> Rows { get; }

    /// <summary>Tokens without padding.</summary>
    public long Tokens { get; }

    /// <summary>Tokens that the loss sees.</summary>
    public long SupervisedTokens { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Input.Ids.Dispose();
        Input.Mask?.Dispose();
        Input.Positions?.Dispose();
        Input.Segments?.Dispose();
        Labels.Dispose();
    }
}
