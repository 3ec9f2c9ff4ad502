using System.Text.RegularExpressions;

namespace Weft.Checkpoints;

/// <summary>Named tensors on disk, listed without being read.</summary>
/// <remarks>Tensors that <see cref="Read"/> gave stay valid after <see cref="Dispose()"/>: the map is released with the last of them.
/// A file may be replaced while it is open (<see cref="AtomicFile"/>), but must not be cut short: touching what is gone ends the process.</remarks>
public abstract partial class Checkpoint : IDisposable
{
    /// <summary>What says which tensor of a sharded model lies in which file.</summary>
    internal const string IndexFile = "model.safetensors.index.json";

    private static readonly string[] names = ["model.safetensors", IndexFile, "adapter_model.safetensors"];

    private protected Checkpoint(string path) => Path = path;

    /// <summary>The file or folder, as it was named when it was opened.</summary>
    public string Path { get; }

    /// <summary>What the checkpoint holds, by name, in the order of its file (or of its files, sorted by name).</summary>
    public abstract IReadOnlyDictionary<string, TensorEntry> Tensors { get; }

    /// <summary>What the file says of itself: strings in safetensors; see <see cref="Gguf"/> for its types.</summary>
    public abstract IReadOnlyDictionary<string, object> Metadata { get; }

    /// <summary>Opens a <c>.safetensors</c> file, a <c>.gguf</c> file, or a folder that holds <c>model.safetensors</c>,
    /// <c>model.safetensors.index.json</c>, <c>adapter_model.safetensors</c> or exactly one <c>.gguf</c> file, looked for in this order.</summary>
    /// <param name="path">The file or folder.</param>
    /// <exception cref="FileNotFoundException">Nothing is there, or the folder holds none of the files.</exception>
    /// <exception cref="InvalidDataException">The file breaks its format; the message names the byte and the rule of every problem.</exception>
    /// <exception cref="NotSupportedException">The file is of another format.</exception>
    public static Checkpoint Open(string path)
    {
        if (Directory.Exists(path)) return OpenFolder(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"{path} is neither a file nor a folder.", path);
        return System.IO.Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".safetensors" => Safetensors.Open(path),
            ".gguf" => Gguf.Open(path),
            ".bin" or ".pt" or ".pth" => throw new NotSupportedException($"{path} is a PyTorch pickle, which is not supported yet; save it as safetensors."),
            _ => throw new NotSupportedException($"{path} is neither a .safetensors nor a .gguf file."),
        };
    }

    /// <summary>A tensor of the checkpoint.</summary>
    /// <remarks>In its stored type the tensor is the mapped file itself: it costs no memory of its own, and writing to it ends the process.
    /// It belongs to the caller's dispose scope as any other new tensor does; one that is kept is detached from it.</remarks>
    /// <param name="name">Its name in <see cref="Tensors"/>.</param>
    /// <param name="type">The type to convert to; null leaves the stored type, and makes float32 of every kind of a GGUF file.</param>
    /// <exception cref="KeyNotFoundException">The checkpoint has no tensor of this name.</exception>
    /// <exception cref="InvalidDataException">A stored bool is neither 0 nor 1.</exception>
    /// <exception cref="ObjectDisposedException">The checkpoint is disposed.</exception>
    public abstract Tensor Read(string name, ScalarType? type = null);

    /// <summary>Lets go of the files; they stay mapped until the last tensor over them is disposed.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Lets go of the files.</summary>
    /// <param name="disposing">True when called by <see cref="Dispose()"/>.</param>
    protected abstract void Dispose(bool disposing);

    private protected KeyNotFoundException NoTensor(string name)
    {
        var held = string.Join(", ", Tensors.Keys.Take(5)) + (Tensors.Count > 5 ? ", …" : "");
        return new($"{Path} has no tensor \"{name}\"; it has {Tensors.Count}: {held}.");
    }

    private static Checkpoint OpenFolder(string folder)
    {
        foreach (var name in names)
        {
            var file = System.IO.Path.Combine(folder, name);
            if (!File.Exists(file)) continue;
            return name.EndsWith(".json", StringComparison.Ordinal) ? new ShardedSafetensors(folder, file) : new SafetensorsFile(folder, file);
        }
        var gguf = Directory.GetFiles(folder, "*.gguf").Order(StringComparer.Ordinal).ToArray();
        if (gguf.Length == 1) return Gguf.Open(folder, gguf[0]);
        if (gguf.Length > 1)
            throw new FileNotFoundException($"{folder} holds {gguf.Length} .gguf files, name one of them: {string.Join(", ", gguf.Select(System.IO.Path.GetFileName))}.");
        var there = Directory.EnumerateFileSystemEntries(folder).Select(e => System.IO.Path.GetFileName(e)!).Order(StringComparer.Ordinal).ToArray();
        var hint = there.FirstOrDefault(n => Shard().IsMatch(n)) is { } shard
            ? $"\n{shard} is one of several parts, and {IndexFile}, which says what lies in which, is missing: get it from where the parts come from."
            : there.Any(n => n is "pytorch_model.bin" or "adapter_model.bin" or "pytorch_model.bin.index.json")
            ? "\nPyTorch pickles (.bin) are not supported yet; save the model as safetensors."
            : "";
        throw new FileNotFoundException($"{folder} holds no checkpoint.\n  looked for: {string.Join(", ", names)}, one .gguf file\n  there is: " +
            (there.Length == 0 ? "nothing" : string.Join(", ", there.Take(20)) + (there.Length > 20 ? $" and {there.Length - 20} more" : "")) + hint);
    }

    [GeneratedRegex(@"-\d+-of-\d+\.safetensors\z")]
    private static partial Regex Shard();
}
