namespace Weft.Nn;

/// <summary>What a text model is called with.</summary>
/// <param name="Ids">Token ids (batch, tokens), int64.</param>
/// <param name="Mask">1 where a token is real and 0 on padding (batch, tokens), int64; null when every token is real.</param>
/// <param name="Positions">Position of each token (batch, tokens), int64; null counts 0, 1, 2 … along the row, or over real tokens where the family does so.</param>
/// <param name="Segments">
/// Number of the document each token of a packed row belongs to (batch, tokens), int64, 0 on padding; null when a row is one document.
/// A token sees only its own document.
/// </param>
public sealed record TokenInput(Tensor Ids, Tensor? Mask = null, Tensor? Positions = null, Tensor? Segments = null);
