namespace Weft.Evaluation;

/// <summary>Loss on rows that were not trained on.</summary>
/// <param name="Nats">Cross entropy summed over the supervised tokens, in nats.</param>
/// <param name="Tokens">Supervised tokens.</param>
/// <param name="Rows">Rows they stand in.</param>
public sealed record HeldOutLoss(double Nats, long Tokens, long Rows)
{
    /// <summary>Nats per supervised token.</summary>
    public double PerToken => Nats / Tokens;

    /// <summary>e to the nats per supervised token.</summary>
    public double Perplexity => Math.Exp(PerToken);
}
