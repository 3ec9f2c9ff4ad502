using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static Weft.Checkpoints.GgufQuants;

namespace Weft.Checkpoints;

// optimised from the first call on: a model is unpacked once, before the runtime would get round to it
/// <summary>One block of 256 numbers of each of GGUF's K kinds, unpacked to float32.</summary>
/// <remarks>A block has float16 scales d and d_min, and small whole scales s and offsets t for its groups of 16 or 32 numbers q; every product is rounded.
/// <code>
/// Q2_K: (d s) q − (d_min t)   Q3_K: (d s) (q − 4 or q)   Q4_K, Q5_K: (d s) q − (d_min t)   Q6_K: (d s) (q − 32)
/// </code>
/// Layouts: block structs in ggml/src/ggml-common.h, formulas in gguf-py/gguf/quants.py of ggml-org/llama.cpp.</remarks>
internal static unsafe class GgufKQuants
{
    // scales and offsets (16 bytes, four bits each), q (64 bytes, two bits each), d, d_min
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q2_K(byte* block, float* numbers)
    {
        var (d, least, three) = (Half(block + 80), Half(block + 82), Vector128.Create((byte)3));
        for (var group = 0; group < 16; group++)
        {
            var (half, shift, part) = (group / 8, group / 2 % 4 * 2, group % 2);
            var q = (Vector128.Load(block + 16 + 32 * half + 16 * part) >>> shift) & three;
            Scale(q.AsSByte(), d * (block[group] & 15), -(least * (block[group] >> 4)), numbers + 16 * group);
        }
    }

    // third bits (32 bytes), q (64 bytes, two bits each), scales (12 bytes, six bits each), d
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q3_K(byte* block, float* numbers)
    {
        var (d, three, four) = (Half(block + 108), Vector128.Create((byte)3), Vector128.Create((sbyte)4));
        var scales = block + 96;
        for (var group = 0; group < 16; group++)
        {
            var (half, shift, part, bit) = (group / 8, group / 2 % 4 * 2, group % 2, group / 2);
            var low = group < 8 ? scales[group] & 15 : scales[group - 8] >> 4;
            var high = (scales[8 + group % 4] >> (group / 4 * 2)) & 3;
            var q = (Vector128.Load(block + 32 + 32 * half + 16 * part) >>> shift) & three;
            var third = (Vector128.Load(block + 16 * part) >>> bit) & Vector128<byte>.One;
            Scale(q.AsSByte() - (four & Vector128.Equals(third, Vector128<byte>.Zero).AsSByte()), d * ((low | high << 4) - 32), numbers + 16 * group);
        }
    }

    // d, d_min, scales and offsets (12 bytes, six bits each), q (128 bytes, four bits each)
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_K(byte* block, float* numbers)
    {
        var (d, least) = (Half(block), Half(block + 2));
        for (var group = 0; group < 8; group++)
        {
            var (scale, offset) = ScaleAndOffset(block + 4, group);
            for (var part = 0; part < 2; part++)
            {
                var q = Vector128.Load(block + 16 + group / 2 * 32 + 16 * part);
                q = group % 2 == 0 ? LowNibbles(q) : q >>> 4;
                Scale(q.AsSByte(), d * scale, -(least * offset), numbers + 32 * group + 16 * part);
            }
        }
    }

    // as Q4_K, with the fifth bits (32 bytes) before q
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_K(byte* block, float* numbers)
    {
        var (d, least) = (Half(block), Half(block + 2));
        for (var group = 0; group < 8; group++)
        {
            var (scale, offset) = ScaleAndOffset(block + 4, group);
            for (var part = 0; part < 2; part++)
            {
                var q = Vector128.Load(block + 48 + group / 2 * 32 + 16 * part);
                q = group % 2 == 0 ? LowNibbles(q) : q >>> 4;
                q |= ((Vector128.Load(block + 16 + 16 * part) >>> group) & Vector128<byte>.One) << 4;
                Scale(q.AsSByte(), d * scale, -(least * offset), numbers + 32 * group + 16 * part);
            }
        }
    }

    // q's lower four bits (128 bytes), its upper two (64 bytes), scales (16 signed bytes), d
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q6_K(byte* block, float* numbers)
    {
        var (d, three, thirtyTwo) = (Half(block + 208), Vector128.Create((byte)3), Vector128.Create((sbyte)32));
        var scales = (sbyte*)block + 192;
        for (var group = 0; group < 16; group++)
        {
            var (half, quarter, part) = (group / 8, group / 2 % 4, group % 2);
            var low = Vector128.Load(block + 64 * half + 32 * (quarter % 2) + 16 * part);
            low = quarter < 2 ? LowNibbles(low) : low >>> 4;
            var high = (Vector128.Load(block + 128 + 32 * half + 16 * part) >>> (2 * quarter)) & three;
            Scale((low | high << 4).AsSByte() - thirtyTwo, d * scales[group], numbers + 16 * group);
        }
    }

    // of eight groups, the upper two bits of the last four are kept above the six bits of the first four
    private static (int Scale, int Offset) ScaleAndOffset(byte* packed, int group)
    {
        if (group < 4) return (packed[group] & 63, packed[4 + group] & 63);
        var (i, both) = (group - 4, packed[4 + group]);
        return (both & 15 | packed[i] >> 2 & 48, both >> 4 | packed[4 + i] >> 2 & 48);
    }
}
