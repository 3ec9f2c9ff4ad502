namespace Weft.Adapters;

/// <summary>What a module does in its model, whatever the family calls it.</summary>
public enum SiteRole
{
    /// <summary>None of the others.</summary>
    Other,

    /// <summary>Token embedding.</summary>
    Embedding,

    /// <summary>Query projection of attention.</summary>
    Query,

    /// <summary>Key projection of attention.</summary>
    Key,

    /// <summary>Value projection of attention.</summary>
    Value,

    /// <summary>Query, key and value projection in one matrix.</summary>
    FusedQueryKeyValue,

    /// <summary>Output projection of attention.</summary>
    AttentionOutput,

    /// <summary>Gate projection of a gated MLP.</summary>
    Gate,

    /// <summary>First projection of an MLP, to its inner width.</summary>
    Up,

    /// <summary>Last projection of an MLP, back to the model's width.</summary>
    Down,

    /// <summary>A norm.</summary>
    Norm,

    /// <summary>The output head: logits over the vocabulary or labels.</summary>
    Head,
}
