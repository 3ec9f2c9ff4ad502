namespace Weft.Cli.Runs;

/// <summary>How α scales the change of a weight.</summary>
internal enum ScaleRule
{
    /// <summary>α / r.</summary>
    Linear,

    /// <summary>α / √r.</summary>
    Sqrt,
}
