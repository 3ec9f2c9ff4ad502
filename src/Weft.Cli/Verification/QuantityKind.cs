namespace Weft.Cli.Verification;

/// <summary>What a quantity is.</summary>
internal enum QuantityKind
{
    /// <summary>Logits (batch, tokens, vocabulary).</summary>
    Logits,

    /// <summary>Mean cross entropy of the supervised tokens, in nats.</summary>
    Loss,

    /// <summary>What enters the first layer (0) or leaves layer i, (batch, tokens, width).</summary>
    Hidden,

    /// <summary>Gradient of a loss with respect to a tensor of the checkpoint or of the adapter's file.</summary>
    Gradient,

    /// <summary>New tokens of greedy generation (batch, tokens).</summary>
    Ids,

    /// <summary>A tensor of the model.</summary>
    Weight,

    /// <summary>A tensor of the model after merging, minus the same before.</summary>
    Change,
}
