namespace Weft.Cli.Runs;

/// <summary>What frozen weights are held and multiplied in.</summary>
internal enum PrecisionChoice
{
    /// <summary>Chosen by the CPU and the size of the model.</summary>
    Auto,

    /// <summary>32-bit floating point.</summary>
    Fp32,

    /// <summary>bfloat16.</summary>
    Bf16,
}
