using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Weft.Checkpoints;

// optimised from the first call on: a model is unpacked once, before the runtime would get round to it
/// <summary>One block of 32 numbers of each of GGUF's plain kinds, unpacked to float32.</summary>
/// <remarks>d and m are the block's float16 scale and offset, q its small whole numbers; product and sum are rounded one after the other.
/// <code>
/// Q4_0: d (q − 8)   Q4_1: d q + m   Q5_0: d (q − 16)   Q5_1: d q + m   Q8_0: d q
/// </code>
/// Layouts: block structs in ggml/src/ggml-common.h, formulas in gguf-py/gguf/quants.py of ggml-org/llama.cpp.</remarks>
internal static unsafe class GgufQuants
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_0(byte* block, float* numbers)
    {
        var (d, q, eight) = (Half(block), Vector128.Load(block + 2), Vector128.Create((sbyte)8));
        Scale(LowNibbles(q).AsSByte() - eight, d, numbers);
        Scale((q >>> 4).AsSByte() - eight, d, numbers + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_1(byte* block, float* numbers)
    {
        var (d, m, q) = (Half(block), Half(block + 2), Vector128.Load(block + 4));
        Scale(LowNibbles(q).AsSByte(), d, m, numbers);
        Scale((q >>> 4).AsSByte(), d, m, numbers + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_0(byte* block, float* numbers)
    {
        var (d, q, sixteen) = (Half(block), Vector128.Load(block + 6), Vector128.Create((sbyte)16));
        Scale((LowNibbles(q) | FifthBits(block + 2)).AsSByte() - sixteen, d, numbers);
        Scale(((q >>> 4) | FifthBits(block + 4)).AsSByte() - sixteen, d, numbers + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_1(byte* block, float* numbers)
    {
        var (d, m, q) = (Half(block), Half(block + 2), Vector128.Load(block + 8));
        Scale((LowNibbles(q) | FifthBits(block + 4)).AsSByte(), d, m, numbers);
        Scale(((q >>> 4) | FifthBits(block + 6)).AsSByte(), d, m, numbers + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q8_0(byte* block, float* numbers)
    {
        var d = Half(block);
        Scale(Vector128.Load((sbyte*)block + 2), d, numbers);
        Scale(Vector128.Load((sbyte*)block + 18), d, numbers + 16);
    }

    /// <summary>A float16 number of the file.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Half(byte* at) => (float)Unsafe.ReadUnaligned<Half>(at);

    /// <summary>The lower four bits of 16 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> LowNibbles(Vector128<byte> q) => q & Vector128.Create((byte)15);

    /// <summary>16 numbers q as d·q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(Vector128<sbyte> q, float d, float* numbers)
    {
        if (Avx512F.IsSupported)
        {
            (Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(q)) * Vector512.Create(d)).Store(numbers);
            return;
        }
        for (var i = 0; i < 2; i++, q = Vector128.Create(q.GetUpper(), q.GetUpper()))
            (Eight(q) * Vector256.Create(d)).Store(numbers + 8 * i);
    }

    /// <summary>16 numbers q as d·q + m, the product rounded before the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(Vector128<sbyte> q, float d, float m, float* numbers)
    {
        if (Avx512F.IsSupported)
        {
            (Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(q)) * Vector512.Create(d) + Vector512.Create(m)).Store(numbers);
            return;
        }
        for (var i = 0; i < 2; i++, q = Vector128.Create(q.GetUpper(), q.GetUpper()))
            (Eight(q) * Vector256.Create(d) + Vector256.Create(m)).Store(numbers + 8 * i);
    }

    // the lower eight of 16 numbers
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Eight(Vector128<sbyte> q)
    {
        if (Avx2.IsSupported) return Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(q));
        var wide = Vector128.WidenLower(q);
        return Vector256.Create(Vector128.ConvertToSingle(Vector128.WidenLower(wide)), Vector128.ConvertToSingle(Vector128.WidenUpper(wide)));
    }

    // bit i of two bytes as 0 or 16 in byte i
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> FifthBits(byte* bits)
    {
        var mask = Vector128.Create(0x8040201008040201UL).AsByte();
        var both = Vector128.Create(Unsafe.ReadUnaligned<ushort>(bits)).AsByte();
        var spread = Vector128.Shuffle(both, Vector128.Create(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, (byte)1));
        return Vector128.Equals(spread & mask, mask) & Vector128.Create((byte)16);
    }
}
