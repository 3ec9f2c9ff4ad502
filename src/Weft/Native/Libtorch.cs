using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>Finds libtorch and loads it before the first tensor is made.</summary>
public static class Libtorch
{
    private static readonly string[] linuxLibraries = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];
    private static readonly Lock gate = new();
    private static bool loaded;

    /// <summary>Loads libtorch if it is not loaded yet. A program that touches TorchSharp before Weft calls this first.</summary>
    /// <exception cref="DllNotFoundException">A library is missing or does not load; the message says which, and what to do.</exception>
    public static void Initialize()
    {
        lock (gate)
        {
            if (loaded) return;
            if (OperatingSystem.IsLinux()) LoadOnLinux();
            loaded = true;
        }
    }

#pragma warning disable CA2255 // a library that must run before the first use of another one has no other place
    [ModuleInitializer]
    internal static void InitializeModule() => Initialize();
#pragma warning restore CA2255

    private static void LoadOnLinux()
    {
        var packages = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        var torch = Path.Combine(packages, "libtorch-cpu-linux-x64", "2.10.0", "runtimes", "linux-x64", "native");
        var sharp = Path.Combine(packages, "torchsharp", "0.107.0", "runtimes", "linux-x64", "native");
        foreach (var library in linuxLibraries) NativeLibrary.Load(Path.Combine(torch, library));
        var binding = Path.Combine(sharp, "libLibTorchSharp.so");
        if (NativeLibrary.TryLoad(binding, out _)) return;
        NativeLibrary.Load(LibstdcxxFallback.PatchedCopy(binding));
    }
}
