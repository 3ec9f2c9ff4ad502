namespace MicroWorld;

/// <summary>Which of two kept-apart halves of the world a value is drawn from.</summary>
public enum Part
{
    /// <summary>Values of the pretraining text and of the quickstart's training rows.</summary>
    Training,

    /// <summary>Values that only the quickstart's held-out rows hold.</summary>
    HeldOut,
}
