namespace Weft.Cli.Verification;

/// <summary>Which weights a quantity is computed with.</summary>
internal enum WeightState
{
    /// <summary>The model as it is loaded: its adapter acts, where there is one.</summary>
    Loaded,

    /// <summary>The adapter is off.</summary>
    Base,

    /// <summary>The adapter is merged into the weights.</summary>
    Merged,
}
