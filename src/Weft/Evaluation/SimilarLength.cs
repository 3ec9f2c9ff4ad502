namespace Weft.Evaluation;

/// <summary>Rows put into batches by length, the longest first, so that little of a batch is padding and the largest need of memory comes at once.</summary>
internal static class SimilarLength
{
    /// <summary>Numbers of the rows of each batch; rows of equal length keep their order.</summary>
    /// <param name="lengths">Tokens of each row.</param>
    /// <param name="rowsAtOnce">Most rows of a batch.</param>
    /// <param name="tokensAtOnce">Most tokens of a batch, padding included; a longer row is a batch of its own.</param>
    public static IEnumerable<IReadOnlyList<int>> Batches(IReadOnlyList<int> lengths, int rowsAtOnce, int tokensAtOnce)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rowsAtOnce, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(tokensAtOnce, 1);
        return Iterate();

        IEnumerable<IReadOnlyList<int>> Iterate()
        {
            var order = Enumerable.Range(0, lengths.Count).OrderByDescending(i => lengths[i]).ToList();
            for (var start = 0; start < order.Count;)
            {
                var count = (int)Math.Clamp(tokensAtOnce / (long)Math.Max(1, lengths[order[start]]), 1, rowsAtOnce);
                yield return order.GetRange(start, Math.Min(count, order.Count - start));
                start += count;
            }
        }
    }
}
