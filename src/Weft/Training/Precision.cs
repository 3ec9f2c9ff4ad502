namespace Weft.Training;

/// <summary>The type frozen weights are held and multiplied in. What is trained, its gradients and the optimizer are float32 in every case.</summary>
public enum Precision
{
    /// <summary>bfloat16 where the processor multiplies it in hardware, else float32.</summary>
    Auto,

    /// <summary>float32.</summary>
    Fp32,

    /// <summary>bfloat16.</summary>
    Bf16,
}
