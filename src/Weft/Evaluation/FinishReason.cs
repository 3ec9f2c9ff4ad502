namespace Weft.Evaluation;

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>A stop token was chosen.</summary>
    StopToken,

    /// <summary>The text reached a stop string.</summary>
    StopString,

    /// <summary>It has as many tokens as were allowed.</summary>
    Length,

    /// <summary>Prompt and answer fill the model's context.</summary>
    Context,
}
