using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>Finds libtorch and loads it before the first tensor is made.</summary>
/// <remarks>
/// The first use of any type of Weft does this, so most programs never call <see cref="Initialize"/>. A program that touches
/// TorchSharp before Weft calls it first: TorchSharp by itself neither looks into the package folder nor starts where the
/// system's libstdc++ is older than that of GCC 13. Where libtorch is absent, what needs no tensor works all the same.
/// </remarks>
public static class Libtorch
{
    private static readonly Lock gate = new();
    private static bool tried;
    private static ExceptionDispatchInfo? failure;

    /// <summary>What was loaded, or null where loading failed or was left to TorchSharp itself.</summary>
    public static LoadedLibtorch? Loaded { get; private set; }

    /// <summary>Loads libtorch if it is not loaded yet, and installs the allocator of <see cref="TensorMemory"/>.</summary>
    /// <exception cref="DllNotFoundException">A library is missing or does not load; the message says which, where it was looked for, and what to do.</exception>
    /// <exception cref="ArgumentException">The environment variable WEFT_ALLOCATOR holds none of its values.</exception>
    public static void Initialize()
    {
        Try();
        failure?.Throw();
    }

#pragma warning disable CA2255 // a library that must run before the first use of another one has no other place
    [ModuleInitializer]
    internal static void Try()
    {
        lock (gate)
        {
            if (tried) return;
            tried = true;
            try
            {
                Load(LibtorchSearch.OfThisProcess());
            }
            catch (Exception e) when (e is DllNotFoundException or ArgumentException or IOException or UnauthorizedAccessException)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        }
    }
#pragma warning restore CA2255

    private static void Load(LibtorchSearch search)
    {
        var (folder, binding) = (search.FindTorch(), search.FindBinding());
        if (!OperatingSystem.IsLinux() && search.Named is null && (folder is null || binding is null))
            return; // TorchSharp's own loader knows more places there
        if (folder is null) throw new DllNotFoundException(search.TorchMissing());
        if (binding is null) throw new DllNotFoundException(search.BindingMissing());

        ThreadWaiting.Shorten();
        nint c10 = 0, torchCpu = 0;
        foreach (var library in new[] { "c10", "torch_cpu", "torch" })
        {
            var handle = LoadFile(Path.Combine(folder, search.LibraryName(library)));
            if (library == "c10") c10 = handle;
            if (library == "torch_cpu") torchCpu = handle;
        }
        // a CUDA build has these too; TorchSharp asks for them when a program does
        foreach (var library in new[] { "c10_cuda", "torch_cuda" })
            NativeLibrary.TryLoad(Path.Combine(folder, search.LibraryName(library)), out _);

        var version = LoadedLibtorch.ReadVersion(torchCpu);
        if (version is not null && version != LibtorchSearch.Version && !version.StartsWith("2.10.", StringComparison.Ordinal))
            throw new DllNotFoundException(
                $"libtorch in {folder} is {version}; TorchSharp {search.TorchSharpVersion} is built for {LibtorchSearch.Version}. "
                + $"Set {LibtorchSearch.Variable} to a folder with that version.");

        var patched = false;
        if (OperatingSystem.IsLinux())
        {
            try
            {
                NativeLibrary.Load(binding);
            }
            catch (DllNotFoundException e)
            {
                LibstdcxxFallback.Load(binding, e.Message);
                patched = true;
            }
        }
        else LoadFile(binding);

        var (allocator, reason) = TensorMemory.Install(c10, version);
        Loaded = new LoadedLibtorch
        {
            Folder = folder,
            Binding = binding,
            Version = version ?? "unknown",
            UsedLibstdcxxFallback = patched,
            Allocator = allocator,
            AllocatorReason = reason,
            TorchCpu = torchCpu,
        };
    }

    private static nint LoadFile(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new DllNotFoundException(
                $"{path} is there and does not load: {e.Message.Trim()} Take libtorch {LibtorchSearch.Version} for this system, "
                + $"with all its files in one folder, and name it by {LibtorchSearch.Variable}.", e);
        }
    }
}
