namespace Weft.Training;

/// <summary>One optimizer step, after it was taken.</summary>
public sealed record Step
{
    /// <summary>Number of the step, from 1.</summary>
    public required int Index { get; init; }

    /// <summary>Number of the pass over the data, from 1.</summary>
    public required int Epoch { get; init; }

    /// <summary>Mean loss before the update, in nats per supervised token.</summary>
    public required double Loss { get; init; }

    /// <summary>Euclidean norm of all gradients together, before clipping.</summary>
    public required double GradientNorm { get; init; }

    /// <summary>The rate the update was made with, before the factors of the groups.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Real tokens of the step's batches, without padding.</summary>
    public required long Tokens { get; init; }

    /// <summary>Tokens the loss was taken over.</summary>
    public required long SupervisedTokens { get; init; }

    /// <summary>Time the step took, in seconds, with the making of its batches.</summary>
    public required double Seconds { get; init; }

    /// <summary>Time of all steps of the run up to this one, in seconds; what the caller does between steps is not in it.</summary>
    public required double ElapsedSeconds { get; init; }

    /// <summary>Real tokens per second of this step.</summary>
    public double TokensPerSecond => Seconds > 0 ? Tokens / Seconds : 0;

    /// <summary>Supervised tokens as a share of the real ones, 0 to 1.</summary>
    public double SupervisedShare => Tokens > 0 ? SupervisedTokens / (double)Tokens : 0;
}
