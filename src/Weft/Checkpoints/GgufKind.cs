namespace Weft.Checkpoints;

/// <summary>How the numbers of a GGUF tensor are packed: so many numbers to a block, so many bytes to a block.</summary>
/// <remarks>Source: ggml_type and the block structs in ggml/include/ggml.h and ggml/src/ggml-common.h of ggml-org/llama.cpp.</remarks>
/// <param name="Name">The name of the kind in capitals: Q4_K.</param>
/// <param name="Numbers">Numbers in one block.</param>
/// <param name="Bytes">Bytes of one block.</param>
/// <param name="Type">Torch's type where a block is one plain number, else null.</param>
internal sealed record GgufKind(string Name, int Numbers, int Bytes, ScalarType? Type = null)
{
    private static readonly Dictionary<uint, GgufKind> known = new()
    {
        [0] = new("F32", 1, 4, ScalarType.Float32),
        [1] = new("F16", 1, 2, ScalarType.Float16),
        [2] = new("Q4_0", 32, 18),
        [3] = new("Q4_1", 32, 20),
        [6] = new("Q5_0", 32, 22),
        [7] = new("Q5_1", 32, 24),
        [8] = new("Q8_0", 32, 34),
        [10] = new("Q2_K", 256, 84),
        [11] = new("Q3_K", 256, 110),
        [12] = new("Q4_K", 256, 144),
        [13] = new("Q5_K", 256, 176),
        [14] = new("Q6_K", 256, 210),
        [30] = new("BF16", 1, 2, ScalarType.BFloat16),
    };

    // by number; 4, 5, 31 to 33 and 36 to 38 were withdrawn
    private static readonly string[] names =
    [
        "F32", "F16", "Q4_0", "Q4_1", "Q4_2", "Q4_3", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS",
        "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S", "IQ4_XS", "I8", "I16", "I32", "I64", "F64", "IQ1_M", "BF16",
        "Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8", "TQ1_0", "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4", "NVFP4", "Q1_0",
    ];

    /// <summary>The names of all kinds that are read.</summary>
    public static string Supported => string.Join(", ", known.Values.Select(k => k.Name));

    /// <summary>The kind of a number in the file, or null.</summary>
    public static GgufKind? Of(uint id) => known.GetValueOrDefault(id);

    /// <summary>The name of a kind that is not read, or its number.</summary>
    public static string NameOf(uint id) => id < names.Length ? names[id] : $"number {id}";
}
