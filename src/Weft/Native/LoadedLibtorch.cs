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

    /// <summary>The version of MKL in it, one line.</summary>
    public string MklVersion => FirstLine(Ask("_ZN2at15get_mkl_versionB5cxx11Ev"));

    /// <summary>The version of oneDNN in it, one line.</summary>
    public string OneDnnVersion => FirstLine(Ask("_ZN2at18get_mkldnn_versionB5cxx11Ev"));

    /// <summary>The vector instructions that its own kernels use on this processor: DEFAULT, AVX2, AVX512.</summary>
    public string CpuCapability => FirstLine(Ask("_ZN2at18get_cpu_capabilityB5cxx11Ev"));

    /// <summary>How it was built: compiler, libraries, switches; several lines.</summary>
    public string Build => Ask("_ZN2at11show_configB5cxx11Ev");

    /// <summary>The version that libtorch_cpu reports, or null where it reports none.</summary>
    internal static unsafe string? ReadVersion(nint torchCpu)
    {
        // one byte each of major, minor and patch, from the top
        if (!NativeLibrary.TryGetExport(torchCpu, "aoti_torch_abi_version", out var function)) return null;
        var packed = ((delegate* unmanaged[Cdecl]<ulong>)function)();
        return $"{packed >> 56}.{(packed >> 48) & 0xFF}.{(packed >> 40) & 0xFF}";
    }

    private static string FirstLine(string text) => text.Split('\n', 2)[0].Trim();

    /// <summary>The answer of a C++ function that takes nothing and returns a std::string; "unknown" where the library has none of this name.</summary>
    private unsafe string Ask(string function)
    {
        // libstdc++'s string: the characters' address, their number, then 16 bytes of room for short ones
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryGetExport(TorchCpu, function, out var address)) return "unknown";
        var text = stackalloc nint[4];
        ((delegate* unmanaged[Cdecl]<nint*, nint*>)address)(text);
        var answer = Marshal.PtrToStringUTF8(text[0], (int)text[1]);
        if (text[0] != (nint)(text + 2)) NativeMemory.Free((void*)text[0]); // operator new of libstdc++ is malloc
        return answer;
    }
}
