using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>The libtorch of this process.</summary>
public sealed record LoadedLibtorch
{
    /// <summary>The folder it came from.</summary>
    public required string Folder { get; init; }

    /// <summary>The file of TorchSharp's binding to it.</summary>
    public required string Binding { get; init; }

    /// <summary>Its version, such as 2.10.0.</summary>
    public required string Version { get; init; }

    /// <summary>Whether the binding was loaded as a patched copy, because the system's libstdc++ is older than that of GCC 13.</summary>
    public required bool UsedLibstdcxxFallback { get; init; }

    /// <summary>Who gives tensors their memory.</summary>
    public required TensorAllocator Allocator { get; init; }

    /// <summary>Why it is not Weft's own allocator, or null where it is or where the user chose.</summary>
    public required string? AllocatorReason { get; init; }

    /// <summary>The handle of libtorch_cpu, for functions that TorchSharp does not bind.</summary>
    internal nint TorchCpu { get; init; }

    /// <summary>The version that libtorch_cpu reports, or null where it reports none.</summary>
    internal static unsafe string? ReadVersion(nint torchCpu)
    {
        // one byte each of major, minor and patch, from the top
        if (!NativeLibrary.TryGetExport(torchCpu, "aoti_torch_abi_version", out var function)) return null;
        var packed = ((delegate* unmanaged[Cdecl]<ulong>)function)();
        return $"{packed >> 56}.{(packed >> 48) & 0xFF}.{(packed >> 40) & 0xFF}";
    }
}
