using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>Loads TorchSharp's binding where libstdc++ is older than that of GCC 13 (Debian 12, Ubuntu 22.04), as a patched copy that is never a shared file.</summary>
internal static partial class LibstdcxxFallback
{
    /// <summary>The version of libstdc++'s symbols that one symbol of the binding is bound to.</summary>
    public const string MissingVersion = "GLIBCXX_3.4.32";

    /// <summary>Loads a copy of a binding that did not load.</summary>
    /// <param name="binding">Its path.</param>
    /// <param name="error">What the system's loader said of it.</param>
    /// <exception cref="DllNotFoundException">The cause is another one, or the copy does not load either.</exception>
    public static void Load(string binding, string error)
    {
        if (!error.Contains(MissingVersion, StringComparison.Ordinal)) throw new DllNotFoundException(DoesNotLoad(binding, error));
        try
        {
            var copy = BindingPatch.Apply(File.ReadAllBytes(binding));
            if (!TryLoadFromMemory(copy)) LoadFromFile(copy);
        }
        catch (InvalidDataException e)
        {
            throw new DllNotFoundException($"{DoesNotLoad(binding, error)} It cannot be patched for it: {e.Message}", e);
        }
        catch (DllNotFoundException e)
        {
            throw new DllNotFoundException(DoesNotLoad(binding, e.Message), e);
        }
    }

    /// <summary>Says why a binding does not load and what the system lacks.</summary>
    public static string DoesNotLoad(string binding, string error)
    {
        var way = error.Contains("GLIBCXX_", StringComparison.Ordinal) || error.Contains("CXXABI_", StringComparison.Ordinal)
            ? "The system's libstdc++ is too old: it must be that of GCC 12 or later (GLIBCXX_3.4.30), as in Debian 12, Ubuntu 22.04 or later."
            : error.Contains("GLIBC_", StringComparison.Ordinal)
            ? "The system's C library is too old: glibc 2.35 or later is needed, as in Debian 12, Ubuntu 22.04 or later."
            : "A library it names is missing or is of another version.";
        return $"TorchSharp's binding {binding} does not load: {error.Trim()} {way}";
    }

    private static bool TryLoadFromMemory(byte[] library)
    {
        const uint closeOnExec = 1;
        var file = memfd_create("libLibTorchSharp.so", closeOnExec);
        if (file < 0) return false;
        var path = $"/proc/self/fd/{file}";
        try
        {
            File.WriteAllBytes(path, library);
            return NativeLibrary.TryLoad(path, out _);
        }
        catch (IOException)
        {
            return false;
        }
        finally
        {
            _ = close(file);
        }
    }

    private static void LoadFromFile(byte[] library)
    {
        var folder = Directory.CreateTempSubdirectory("weft-"); // new, and of mode 0700
        try
        {
            var path = Path.Combine(folder.FullName, "libLibTorchSharp.so");
            File.WriteAllBytes(path, library);
            NativeLibrary.Load(path);
        }
        finally
        {
            folder.Delete(recursive: true); // what is loaded stays loaded
        }
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc")]
    private static partial int close(int file);
}
