namespace Weft.Evaluation;

/// <summary>Which of a few completions a model prefers, beside the right ones.</summary>
/// <param name="Chosen">Place of the preferred candidate, for each row in the order given.</param>
/// <param name="Correct">Rows whose preferred candidate is the right one.</param>
/// <param name="Nats">Cross entropy among the candidates alone, summed over the rows, in nats.</param>
public sealed record ChoiceResult(IReadOnlyList<int> Chosen, int Correct, double Nats)
{
    /// <summary>Rows.</summary>
    public int Rows => Chosen.Count;

    /// <summary>Share of the rows whose preferred candidate is the right one, 0 to 1.</summary>
    public double Accuracy => (double)Correct / Rows;

    /// <summary>Cross entropy among the candidates, nats per row.</summary>
    public double Loss => Nats / Rows;
}
