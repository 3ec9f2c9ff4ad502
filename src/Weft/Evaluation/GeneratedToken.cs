namespace Weft.Evaluation;

/// <summary>One token of one answer, as it is chosen.</summary>
/// <param name="Row">Number of the prompt it answers.</param>
/// <param name="Id">The token.</param>
/// <param name="Text">
/// The text that is certain by now and was not given before: never half a character, nor what may be the beginning of a stop string.
/// All texts of a row, put together, are the text of its answer.
/// </param>
/// <param name="Finish">Why the row ends with it; null while it goes on.</param>
public readonly record struct GeneratedToken(int Row, int Id, string Text, FinishReason? Finish);
