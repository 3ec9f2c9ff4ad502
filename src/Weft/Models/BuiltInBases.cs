using System.Reflection;
using System.Security.Cryptography;
using Weft.Checkpoints;

namespace Weft.Models;

/// <summary>The base models that the library itself carries, small enough to be embedded.</summary>
public static class BuiltInBases
{
    private const string Prefix = "bases/";

    private static readonly Assembly assembly = typeof(BuiltInBases).Assembly;

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } =
        [.. assembly.GetManifestResourceNames().Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Select(n => n.Split('/')[1]).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The folder of a base in Hugging Face's layout, laid out on first use in the user's data folder; null when no base has that name.</summary>
    /// <exception cref="IOException">Neither the user's data folder nor the temporary one can be written.</exception>
    public static string? Folder(string name)
    {
        var files = assembly.GetManifestResourceNames().Where(n => n.StartsWith($"{Prefix}{name}/", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToList();
        if (files.Count == 0) return null;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files) hash.AppendData(Content(file));
        var version = Convert.ToHexStringLower(hash.GetHashAndReset())[..12];
        var user = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        var roots = new[] { user, Path.GetTempPath() }.Where(r => r.Length > 0).Select(r => Path.Combine(r, "weft", Prefix, $"{name}-{version}")).ToList();
        foreach (var folder in roots)
        {
            try
            {
                Directory.CreateDirectory(folder);
                foreach (var file in files)
                {
                    var (path, content) = (Path.Combine(folder, file[(Prefix.Length + name.Length + 1)..]), Content(file));
                    if (!File.Exists(path) || new FileInfo(path).Length != content.Length) AtomicFile.Write(path, s => s.Write(content));
                }
                return folder;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException && folder != roots[^1])
            {
                // a home that cannot be written leaves the temporary folder
            }
        }
        throw new IOException($"The base {name} cannot be laid out in {string.Join(" or ", roots)}. Make one of them writable.");
    }

    private static byte[] Content(string resource)
    {
        using var stream = assembly.GetManifestResourceStream(resource)!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }
}
