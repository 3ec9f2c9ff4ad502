using System.Collections.Concurrent;
using System.Reflection;
using System.Security.Cryptography;
using Weft.Checkpoints;

namespace Weft.Models;

/// <summary>The base models that the library itself carries, small enough to be embedded.</summary>
public static class BuiltInBases
{
    private const string Prefix = "bases/";

    private static readonly Assembly assembly = typeof(BuiltInBases).Assembly;
    private static readonly ConcurrentDictionary<string, string> laidOut = new(StringComparer.Ordinal); // comparing the files again would cost every use of a name

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Select(n => n.Split('/')[1]).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The folder of a base in Hugging Face's layout, laid out on first use in the user's data folder; null when no base has that name.</summary>
    /// <exception cref="IOException">Neither the user's data folder nor the temporary one can be written.</exception>
    public static string? Folder(string name)
    {
        if (laidOut.TryGetValue(name, out var known)) return known;
        // not verified, since a home may not have the folder yet
        var folder = Folder(name, Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify), Path.GetTempPath());
        return folder is null ? null : laidOut[name] = folder;
    }

    internal static string? Folder(string name, string user, string temporary)
    {
        var files = assembly.GetManifestResourceNames().Where(n => n.StartsWith($"{Prefix}{name}/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToList();
        if (files.Count == 0) return null;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files) hash.AppendData(Content(file));
        var version = Convert.ToHexStringLower(hash.GetHashAndReset())[..12];
        var roots = new List<string> { Path.Combine(temporary, $"weft-{Environment.UserName}") };
        if (user.Length > 0) roots.Insert(0, Path.Combine(user, "weft"));
        Exception? reason = null;
        foreach (var root in roots)
        {
            try
            {
                if (root == roots[^1]) MakePrivate(root);
                var folder = Path.Combine(root, Prefix, $"{name}-{version}");
                Directory.CreateDirectory(folder);
                foreach (var file in files)
                {
                    var (path, content) = (Path.Combine(folder, file[(Prefix.Length + name.Length + 1)..]), Content(file));
                    if (!File.Exists(path) || !File.ReadAllBytes(path).AsSpan().SequenceEqual(content)) AtomicFile.Write(path, s => s.Write(content));
                }
                return folder;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                reason = e; // a home that cannot be written leaves the temporary folder
            }
        }
        throw new IOException($"The base {name} cannot be laid out in {string.Join(" or ", roots)}: {reason!.Message.TrimEnd('.')}. Make one of them writable.", reason);
    }

    // Everybody writes to the folder of temporary files, so the one in it is taken only where nobody else can write to it.
    private static void MakePrivate(string folder)
    {
        if (OperatingSystem.IsWindows()) return; // each user has a folder of temporary files there
        const UnixFileMode mine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Directory.CreateDirectory(folder, mine);
        if (File.GetUnixFileMode(folder) is var mode && mode != mine) throw new IOException($"{folder} has the mode {Convert.ToString((int)mode, 8)} and must have 700, for its owner alone");
    }

    private static byte[] Content(string resource)
    {
        using var stream = assembly.GetManifestResourceStream(resource)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }
}
