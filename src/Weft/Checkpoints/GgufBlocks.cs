using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Weft.Checkpoints;

/// <summary>Unpacks runs of GGUF blocks by all cores.</summary>
internal static unsafe class GgufBlocks
{
    private const int NumbersPerTask = 1 << 16;
    private const int NumbersOnStack = 4096;

    /// <summary>Unpacks blocks to float32 or bfloat16 numbers.</summary>
    /// <param name="kind">A packed kind.</param>
    /// <param name="source">The first block.</param>
    /// <param name="target">Room for all numbers.</param>
    /// <param name="blocks">How many blocks there are.</param>
    /// <param name="type">Float32 or BFloat16.</param>
    public static void Unpack(GgufKind kind, byte* source, byte* target, long blocks, ScalarType type)
    {
        var unpack = Unpacker(kind.Name);
        var perTask = NumbersPerTask / kind.Numbers;
        var tasks = (blocks + perTask - 1) / perTask;
        Parallel.For(0, tasks, task =>
        {
            var first = task * perTask;
            var count = (int)Math.Min(perTask, blocks - first);
            var from = source + first * kind.Bytes;
            var to = first * kind.Numbers;
            if (type == ScalarType.BFloat16) Rounded(unpack, kind, from, (ushort*)target + to, count);
            else Run(unpack, kind, from, (float*)target + to, count);
        });
    }

    /// <summary>Rounds float32 numbers to bfloat16: to the nearest, ties to even.</summary>
    /// <param name="source">The numbers.</param>
    /// <param name="target">Room for as many.</param>
    /// <param name="count">A multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Round(float* source, ushort* target, int count)
    {
        for (var i = 0; i < count; i += 16)
            Vector256.Store(Vector256.Narrow(Rounded(source + i), Rounded(source + i + 8)), target + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Rounded(float* source)
    {
        var bits = Vector256.Load((uint*)source);
        var even = (bits >>> 16) & Vector256<uint>.One;
        var rounded = (bits + Vector256.Create(0x7FFFu) + even) >>> 16;
        var infinity = Vector256.Create(0x7F80_0000u);
        var notANumber = Vector256.GreaterThan(bits & Vector256.Create(0x7FFF_FFFFu), infinity);
        return Vector256.ConditionalSelect(notANumber, Vector256.Create(0x7FC0u), rounded);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Run(delegate*<byte*, float*, void> unpack, GgufKind kind, byte* source, float* target, int blocks)
    {
        for (; blocks > 0; blocks--, source += kind.Bytes, target += kind.Numbers) unpack(source, target);
    }

    private static void Rounded(delegate*<byte*, float*, void> unpack, GgufKind kind, byte* source, ushort* target, int blocks)
    {
        var numbers = stackalloc float[NumbersOnStack];
        var perRun = NumbersOnStack / kind.Numbers;
        for (; blocks > 0; blocks -= perRun, source += perRun * kind.Bytes, target += NumbersOnStack)
        {
            var count = Math.Min(perRun, blocks);
            Run(unpack, kind, source, numbers, count);
            Round(numbers, target, count * kind.Numbers);
        }
    }

    private static delegate*<byte*, float*, void> Unpacker(string kind) => kind switch
    {
        "Q4_0" => &GgufQuants.Q4_0,
        "Q4_1" => &GgufQuants.Q4_1,
        "Q5_0" => &GgufQuants.Q5_0,
        "Q5_1" => &GgufQuants.Q5_1,
        "Q8_0" => &GgufQuants.Q8_0,
        "Q2_K" => &GgufKQuants.Q2_K,
        "Q3_K" => &GgufKQuants.Q3_K,
        "Q4_K" => &GgufKQuants.Q4_K,
        "Q5_K" => &GgufKQuants.Q5_K,
        "Q6_K" => &GgufKQuants.Q6_K,
        _ => throw new ArgumentException($"{kind} is not packed in blocks.", nameof(kind)),
    };
}
