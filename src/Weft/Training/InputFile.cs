namespace Weft.Training;

/// <summary>A file that goes into a run, as it was when the run began.</summary>
public sealed class InputFile
{
    private readonly DateTime written;
    private readonly string? hash;

    private InputFile(string path, string? hash)
    {
        var file = FileBehind(path);
        (Path, Bytes, written, this.hash) = (path, file.Length, file.LastWriteTimeUtc, hash);
    }

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>Its length.</summary>
    public long Bytes { get; }

    /// <summary>Its SHA-256, in lower-case hexadecimal; null where it was not hashed at the start and has changed or gone since.</summary>
    public string? Sha256 => hash ?? (FileBehind(Path) is { Exists: true } now && now.Length == Bytes && now.LastWriteTimeUtc == written ? FileHash.Of(Path) : null);

    /// <summary>A file that is hashed now.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static InputFile Hashed(string path) => new(path, FileHash.Of(path));

    /// <summary>A file that is too large to be read twice before the first step; it is hashed when <see cref="Sha256"/> is asked for.</summary>
    /// <param name="path">Its path.</param>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public static InputFile HashedLater(string path) => new(path, null);

    // The Hugging Face cache is made of links, whose own length and time say nothing of the file.
    private static FileInfo FileBehind(string path)
    {
        var file = new FileInfo(path);
        return file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
    }
}
