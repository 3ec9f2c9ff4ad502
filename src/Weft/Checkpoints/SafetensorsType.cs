namespace Weft.Checkpoints;

/// <summary>The number types of the safetensors format.</summary>
/// <remarks>Source: the enum <c>Dtype</c> in safetensors/src/tensor.rs of huggingface/safetensors.</remarks>
internal static class SafetensorsType
{
    /// <summary>Name in the file, torch's type and bytes per number of those that torch has here, in the order in which a file lists them.</summary>
    public static readonly (string Name, ScalarType Type, int Size)[] All =
    [
        ("I64", ScalarType.Int64, 8), ("F64", ScalarType.Float64, 8), ("C64", ScalarType.ComplexFloat32, 8), ("F32", ScalarType.Float32, 4),
        ("I32", ScalarType.Int32, 4), ("BF16", ScalarType.BFloat16, 2), ("F16", ScalarType.Float16, 2), ("I16", ScalarType.Int16, 2),
        ("I8", ScalarType.Int8, 1), ("U8", ScalarType.Byte, 1), ("BOOL", ScalarType.Bool, 1),
    ];

    /// <summary>Types of the format that TorchSharp has no numbers for.</summary>
    public static readonly string[] WithoutTorch =
        ["F4", "F6_E2M3", "F6_E3M2", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "U16", "U32", "U64"];

    /// <summary>The place of a torch type in <see cref="All"/>, or -1.</summary>
    public static int IndexOf(ScalarType type) => Array.FindIndex(All, t => t.Type == type);
}
