using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>The memory that tensors on the CPU use, counted by the allocator that Weft gives libtorch.</summary>
/// <remarks>
/// The environment variable WEFT_ALLOCATOR chooses at start: <c>weft</c> (the default), <c>tuned</c> or <c>off</c>
/// (<see cref="TensorAllocator"/>). Elsewhere than on Linux x86-64 with libtorch 2.10 it is never <c>weft</c>, and every
/// count below is 0.
/// </remarks>
public static class TensorMemory
{
    private const string Variable = "WEFT_ALLOCATOR";

    /// <summary>Whether the counts below mean something.</summary>
    public static bool IsCounted => Libtorch.Loaded?.Allocator == TensorAllocator.Weft;

    /// <summary>Bytes that live tensors asked for; memory-mapped weights are not among them.</summary>
    public static long LiveBytes => CpuAllocator.Heap.LiveBytes;

    /// <summary>The most bytes alive at once since the start or the last <see cref="ResetPeak"/>.</summary>
    public static long PeakBytes => CpuAllocator.Heap.PeakBytes;

    /// <summary>Bytes of memory held for tensors, alive or free for reuse.</summary>
    public static long ReservedBytes => CpuAllocator.Heap.ReservedBytes;

    /// <summary>Begins a new count of the peak at what is alive now.</summary>
    public static void ResetPeak() => CpuAllocator.Heap.ResetPeak();

    /// <summary>Gives the system back what no tensor uses: after loading or merging a model, say. It happens by itself where use falls for long.</summary>
    public static void Trim() => CpuAllocator.Heap.Trim();

    /// <summary>Installs what WEFT_ALLOCATOR asks for, as far as this system allows; says what that is, and why if it is less.</summary>
    /// <exception cref="ArgumentException">The variable holds none of its values.</exception>
    internal static (TensorAllocator Allocator, string? Reason) Install(nint c10, string? libtorchVersion)
    {
        var wanted = Parse(Environment.GetEnvironmentVariable(Variable));
        if (wanted == TensorAllocator.Off) return (TensorAllocator.Off, null);
        string? reason = null;
        if (wanted == TensorAllocator.Weft)
        {
            reason = WhyNotHere(libtorchVersion) ?? CpuAllocator.Install(c10);
            if (reason is null) return (TensorAllocator.Weft, null);
        }
        return OperatingSystem.IsLinux() && SystemMemory.KeepFreedMemory() ? (TensorAllocator.Tuned, reason) : (TensorAllocator.Off, reason);
    }

    /// <summary>The allocator that a value of the variable names; <c>weft</c> without one.</summary>
    /// <exception cref="ArgumentException">It names none.</exception>
    internal static TensorAllocator Parse(string? value) => value?.ToLowerInvariant() switch
    {
        null or "" or "weft" => TensorAllocator.Weft,
        "tuned" => TensorAllocator.Tuned,
        "off" => TensorAllocator.Off,
        _ => throw new ArgumentException($"{Variable} is {value}; it may be weft (the default), tuned or off."),
    };

    private static string? WhyNotHere(string? libtorchVersion) =>
        !OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64 ? "Weft's allocator is for Linux on x86-64"
        : libtorchVersion?.StartsWith("2.10.", StringComparison.Ordinal) != true ? $"Weft's allocator is for libtorch 2.10, this is {libtorchVersion ?? "of unknown version"}"
        : null;
}
