namespace Weft.Data;

/// <summary>What became of rows that were too long.</summary>
/// <param name="Rows">Rows in all.</param>
/// <param name="Limit">Most tokens allowed.</param>
/// <param name="Longest">Tokens of the longest row before cutting.</param>
/// <param name="Cut">Numbers of the rows that were cut.</param>
/// <param name="Dropped">Numbers of the rows that were dropped, since nothing supervised was left of them.</param>
/// <param name="TokensCut">Tokens lost, those of dropped rows included.</param>
public sealed record TruncationReport(int Rows, int Limit, int Longest, IReadOnlyList<long> Cut, IReadOnlyList<long> Dropped, long TokensCut)
{
    /// <summary>The report as one line.</summary>
    public override string ToString() => Cut.Count + Dropped.Count == 0
        ? $"No row was cut: the longest of {Rows} has {Longest} tokens, {Limit} are allowed."
        : $"Of {Rows} rows {Cut.Count} were cut to {Limit} tokens and {Dropped.Count} dropped because nothing supervised was left of them; {TokensCut} tokens are lost, the longest row had {Longest}.";
}
