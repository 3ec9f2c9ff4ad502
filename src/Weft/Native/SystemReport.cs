using System.Reflection;
using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>What Weft stands on in this process: for <c>weft doctor</c> and for reports of defects.</summary>
public sealed record SystemReport
{
    /// <summary>The version of Weft.</summary>
    public required string Weft { get; init; }

    /// <summary>The version of .NET.</summary>
    public required string Runtime { get; init; }

    /// <summary>The operating system.</summary>
    public required string System { get; init; }

    /// <summary>The version of the C library, or null elsewhere than on Linux with glibc.</summary>
    public required string? Glibc { get; init; }

    /// <summary>The newest version of symbols in the loaded libstdc++, such as GLIBCXX_3.4.30, or null.</summary>
    public required string? Libstdcxx { get; init; }

    /// <summary>The libtorch of this process, or null where there is none.</summary>
    public required LoadedLibtorch? Libtorch { get; init; }

    /// <summary>Why there is no libtorch, or null.</summary>
    public required string? LibtorchMissing { get; init; }

    /// <summary>The processor.</summary>
    public required CpuFeatures Cpu { get; init; }

    /// <summary>The cores that the process may use.</summary>
    public required CpuCores Cores { get; init; }

    /// <summary>How results depend on the way of computing, or null without libtorch.</summary>
    public required CpuRecord? Computing { get; init; }

    /// <summary>Bytes of memory of the machine.</summary>
    public required long MemoryBytes { get; init; }

    /// <summary>Bytes of memory that programs can still have, or null where the system does not say.</summary>
    public required long? AvailableBytes { get; init; }

    /// <summary>Bytes of memory that the control group grants, or null without a limit.</summary>
    public required long? MemoryLimit { get; init; }

    /// <summary>CUDA devices that libtorch sees.</summary>
    public required int CudaDevices { get; init; }

    /// <summary>Looks at this process; works without libtorch too.</summary>
    public static SystemReport OfThisProcess()
    {
        string? missing = null;
        try
        {
            Native.Libtorch.Initialize();
        }
        catch (Exception e) when (e is DllNotFoundException or ArgumentException)
        {
            missing = e.Message;
        }
        var linux = OperatingSystem.IsLinux();
        return new SystemReport
        {
            Weft = typeof(SystemReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown",
            Runtime = RuntimeInformation.FrameworkDescription,
            System = $"{RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}",
            Glibc = linux ? GlibcVersion() : null,
            Libstdcxx = linux ? LibstdcxxVersion() : null,
            Libtorch = Native.Libtorch.Loaded,
            LibtorchMissing = missing,
            Cpu = CpuFeatures.OfThisMachine(),
            Cores = CpuCores.OfThisProcess(),
            Computing = missing is null ? CpuProfile.Describe() : null,
            MemoryBytes = (linux ? MemoryInfo("MemTotal:") : null) ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            AvailableBytes = linux ? MemoryInfo("MemAvailable:") : null,
            MemoryLimit = linux ? ControlGroup.MemoryLimit() : null,
            CudaDevices = missing is null && cuda.is_available() ? cuda.device_count() : 0,
        };
    }

    /// <summary>The newest GLIBCXX version that the bytes of a libstdc++ name, or null.</summary>
    internal static string? NewestLibstdcxx(ReadOnlySpan<byte> library)
    {
        var newest = -1;
        while (library.IndexOf("GLIBCXX_3.4."u8) is >= 0 and var at)
        {
            library = library[(at + "GLIBCXX_3.4.".Length)..];
            var digits = library.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
            if (digits is 1 or 2 && int.TryParse(library[..digits], out var minor)) newest = Math.Max(newest, minor);
        }
        return newest < 0 ? null : $"GLIBCXX_3.4.{newest}";
    }

    private static string? LibstdcxxVersion()
    {
        var line = File.ReadLines("/proc/self/maps").FirstOrDefault(l => l.Contains("/libstdc++.so", StringComparison.Ordinal));
        return line is not null && line[line.IndexOf('/', StringComparison.Ordinal)..] is var path && File.Exists(path)
            ? NewestLibstdcxx(File.ReadAllBytes(path))
            : null;
    }

    private static unsafe string? GlibcVersion() =>
        NativeLibrary.TryLoad("libc.so.6", out var libc) && NativeLibrary.TryGetExport(libc, "gnu_get_libc_version", out var version)
            ? Marshal.PtrToStringUTF8(((delegate* unmanaged[Cdecl]<nint>)version)())
            : null;

    /// <summary>Bytes from a line of <c>/proc/meminfo</c>, which counts KiB.</summary>
    private static long? MemoryInfo(string name) =>
        File.ReadLines("/proc/meminfo").FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal)) is { } line
        && long.TryParse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal), out var kib) ? kib * 1024 : null;
}
