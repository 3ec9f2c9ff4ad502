namespace Weft.Evaluation;

/// <summary>Generated answers beside those that were wanted.</summary>
/// <param name="Rows">Every row, in the order given.</param>
public sealed record ExactMatchResult(IReadOnlyList<AnsweredRow> Rows)
{
    /// <summary>Rows whose answer is the wanted one.</summary>
    public int Matched => Rows.Count(r => r.Matches);

    /// <summary>Share of the rows whose answer is the wanted one, 0 to 1.</summary>
    public double Share => (double)Matched / Rows.Count;
}
