namespace Weft.Evaluation;

/// <summary>What reshapes a distribution over the next token before one is drawn. Each returns new logits; a token that is ruled out has −∞.</summary>
/// <remarks>Numbers as transformers/generation/logits_process.py.</remarks>
public static class LogitFilters
{
    /// <summary>Lowers the logits of tokens that have occurred: positive ones are divided by the penalty, negative ones multiplied, once however often a token occurred.</summary>
    /// <param name="logits">(batch, vocabulary)</param>
    /// <param name="occurred">Which tokens have occurred in the row (batch, vocabulary), bool; padding does not count.</param>
    /// <param name="penalty">Above 0; above 1 repeats become rarer, 1 changes nothing.</param>
    /// <returns>(batch, vocabulary)</returns>
    /// <remarks>Keskar et al., arXiv 1909.05858.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The penalty is not above 0.</exception>
    public static Tensor RepetitionPenalty(Tensor logits, Tensor occurred, double penalty)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(occurred);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(penalty);
        using var scope = NewDisposeScope();
        var lowered = where(logits.lt(0), logits * penalty, logits / penalty);
        return where(occurred, lowered, logits).MoveToOuterDisposeScope();
    }

    /// <summary>Divides the logits by a temperature: below 1 the distribution gets sharper, above 1 flatter.</summary>
    /// <param name="logits">(batch, vocabulary)</param>
    /// <param name="temperature">Above 0.</param>
    /// <returns>(batch, vocabulary)</returns>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not above 0.</exception>
    public static Tensor Temperature(Tensor logits, double temperature)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        return logits / temperature;
    }

    /// <summary>Keeps the k largest logits of each row, and every one that ties with the k-th.</summary>
    /// <param name="logits">(batch, vocabulary)</param>
    /// <param name="k">At least 1; more than the vocabulary keeps all.</param>
    /// <param name="keep">Tokens that stay at least.</param>
    /// <returns>(batch, vocabulary)</returns>
    /// <exception cref="ArgumentOutOfRangeException">k or keep is below 1.</exception>
    public static Tensor TopK(Tensor logits, int k, int keep = 1)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        using var scope = NewDisposeScope();
        var count = (int)Math.Min(Math.Max(k, keep), logits.shape[^1]);
        var least = logits.topk(count).values.narrow(-1, count - 1, 1);
        return logits.masked_fill(logits.lt(least), float.NegativeInfinity).MoveToOuterDisposeScope();
    }

    /// <summary>Keeps the smallest set of the most probable tokens that has at least the mass p together.</summary>
    /// <param name="logits">(batch, vocabulary)</param>
    /// <param name="p">0 to 1; 1 changes nothing.</param>
    /// <param name="keep">Tokens that stay at least.</param>
    /// <returns>(batch, vocabulary)</returns>
    /// <remarks>Holtzman et al., arXiv 1904.09751.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">p is outside 0 to 1, or keep below 1.</exception>
    public static Tensor TopP(Tensor logits, double p, int keep = 1)
    {
        ArgumentNullException.ThrowIfNull(logits);
        CheckShare(p);
        ArgumentOutOfRangeException.ThrowIfLessThan(keep, 1);
        using var scope = NewDisposeScope();
        if (p >= 1) return logits.clone().MoveToOuterDisposeScope();
        var size = logits.shape[^1];
        var (sorted, order) = logits.sort(-1, descending: false);
        var outside = sorted.softmax(-1).cumsum(-1).le(1 - p); // the improbable tail, whose mass is not needed
        outside.narrow(-1, Math.Max(0, size - keep), Math.Min(size, keep)).fill_(false);
        return logits.masked_fill(zeros_like(outside).scatter(-1, order, outside), float.NegativeInfinity).MoveToOuterDisposeScope();
    }

    /// <summary>Keeps the tokens that are at least p times as probable as the most probable one.</summary>
    /// <param name="logits">(batch, vocabulary)</param>
    /// <param name="p">0 to 1; 0 changes nothing.</param>
    /// <returns>(batch, vocabulary)</returns>
    /// <remarks>Nguyen et al., arXiv 2407.01082. The most probable token always stays.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">p is outside 0 to 1.</exception>
    public static Tensor MinP(Tensor logits, double p)
    {
        ArgumentNullException.ThrowIfNull(logits);
        CheckShare(p);
        using var scope = NewDisposeScope();
        var probabilities = logits.softmax(-1);
        var outside = probabilities.lt(probabilities.amax([-1], keepdim: true) * p);
        return logits.masked_fill(outside, float.NegativeInfinity).MoveToOuterDisposeScope();
    }

    private static void CheckShare(double p)
    {
        if (p is >= 0 and <= 1) return;
        throw new ArgumentOutOfRangeException(nameof(p), p, $"p is {p}; a share of the probability lies between 0 and 1.");
    }
}
