namespace Weft.Training;

/// <summary>The best evaluation so far, and whether the run has gone on without a better one for too long.</summary>
/// <param name="patience">Evaluations in a row without a better loss after which to stop; null never stops.</param>
public sealed class EarlyStopping(int? patience)
{
    /// <summary>The lowest loss so far, in nats per supervised token; null before the first evaluation.</summary>
    public double? BestLoss { get; private set; }

    /// <summary>The step the lowest loss was measured after, or 0.</summary>
    public int BestStep { get; private set; }

    /// <summary>Evaluations since the lowest loss.</summary>
    public int EvaluationsSinceBest { get; private set; }

    /// <summary>Whether patience is at its end.</summary>
    public bool ShouldStop => EvaluationsSinceBest >= patience;

    /// <summary>Takes in an evaluation, and says whether it is the best so far. A loss that is not a number never is.</summary>
    /// <param name="loss">Its loss, in nats per supervised token.</param>
    /// <param name="step">The step it was made after.</param>
    public bool Update(double loss, int step)
    {
        if (!double.IsFinite(loss) || loss >= BestLoss)
        {
            EvaluationsSinceBest++;
            return false;
        }
        (BestLoss, BestStep, EvaluationsSinceBest) = (loss, step, 0);
        return true;
    }

    internal void Restore(double? bestLoss, int bestStep, int evaluationsSinceBest) =>
        (BestLoss, BestStep, EvaluationsSinceBest) = (bestLoss, bestStep, evaluationsSinceBest);
}
