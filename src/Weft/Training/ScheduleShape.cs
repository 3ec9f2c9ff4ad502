namespace Weft.Training;

/// <summary>How the learning rate goes on after its warm-up.</summary>
public enum ScheduleShape
{
    /// <summary>It stays at its peak.</summary>
    Constant,

    /// <summary>It falls on a straight line to 0 at the last step.</summary>
    Linear,

    /// <summary>It falls on half a cosine wave to 0 at the last step, and stays there.</summary>
    Cosine,
}
