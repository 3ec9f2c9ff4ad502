namespace Weft.Training;

/// <summary>What the loop counts and names of a batch.</summary>
/// <param name="Rows">Numbers of the data's rows in it.</param>
/// <param name="Tokens">Real tokens, without padding.</param>
/// <param name="SupervisedTokens">Tokens the loss is summed over.</param>
public sealed record BatchFacts(IReadOnlyList<long> Rows, long Tokens, long SupervisedTokens);
