namespace Weft.Evaluation;

/// <summary>An answer to one prompt.</summary>
/// <param name="Ids">The new tokens, a stop token and the token that completed a stop string included.</param>
/// <param name="Text">What the answer adds to the prompt's text, up to the stop token or stop string; empty without a decoder.</param>
/// <param name="Finish">Why it ended.</param>
public sealed record Generated(IReadOnlyList<int> Ids, string Text, FinishReason Finish);
