namespace Weft.Checkpoints;

/// <summary>A GGUF file, memory-mapped: typed metadata and tensors in packed kinds, unpacked as they are read.</summary>
/// <remarks>Names are the file's own (<c>blk.0.attn_q.weight</c>) and rows stand in its order: what a family stores otherwise is put right by the
/// family's own file.
/// <see cref="Metadata"/> holds <c>ulong</c> (all unsigned types), <c>long</c> (all signed ones), <c>double</c>, <c>bool</c>, <c>string</c>, arrays of one of these
/// (<c>ulong[]</c>, <c>string[]</c> …), and arrays of arrays (<c>object[]</c>). Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.</remarks>
public sealed class Gguf : Checkpoint
{
    private readonly MappedFile file;
    private readonly GgufHeader header;
    private readonly OrderedDictionary<string, TensorEntry> entries = new(StringComparer.Ordinal);

    private Gguf(string path, string name)
        : base(path)
    {
        file = MappedFile.Open(name, GgufHeader.Shortest, $"a GGUF file begins with {GgufHeader.Shortest} bytes: magic, version and two counts");
        try
        {
            header = GgufHeader.Read(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
        foreach (var (tensor, packed) in header.Tensors) entries.Add(tensor, packed.Entry);
    }

    /// <summary>The version of the format: 2 or 3.</summary>
    public uint Version => header.Version;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, TensorEntry> Tensors => entries;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, object> Metadata => header.Metadata;

    /// <summary>Opens a GGUF file; its tensors are not touched.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="InvalidDataException">The file breaks the format, is big-endian, or packs a tensor in a kind that is not supported.</exception>
    public static new Gguf Open(string path) =>
        File.Exists(path) ? new Gguf(path, path) : throw new FileNotFoundException($"{path} is not there.", path);

    /// <summary>Opens the only GGUF file of a folder.</summary>
    internal static Gguf Open(string folder, string name) => new(folder, name);

    /// <inheritdoc/>
    /// <remarks>F32, F16 and BF16 read in their own type are the mapped file itself. The packed kinds are unpacked by all cores: the numbers are those of float32
    /// arithmetic with every product and sum rounded on its own; bfloat16 is rounded from them to the nearest, ties to even.</remarks>
    public override Tensor Read(string name, ScalarType? type = null)
    {
        if (!header.Tensors.TryGetValue(name, out var packed)) throw NoTensor(name);
        if (packed.Kind.Type is { } plain) return file.Tensor(new(packed.Entry, plain, packed.Position), type ?? ScalarType.Float32);
        if (type == ScalarType.BFloat16) return Unpacked(packed, ScalarType.BFloat16);
        var unpacked = Unpacked(packed, ScalarType.Float32);
        return type is null or ScalarType.Float32 ? unpacked : unpacked.to(type.Value, disposeAfter: true);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => file.Dispose();

    private unsafe Tensor Unpacked(PackedTensor packed, ScalarType type)
    {
        var tensor = empty([.. packed.Entry.Shape], type);
        var blocks = packed.Entry.Bytes / packed.Kind.Bytes;
        GgufBlocks.Unpack(packed.Kind, file.Address(packed.Position), MappedFile.Data(tensor), blocks, type);
        file.Forget(packed.Position, packed.Entry.Bytes);
        return tensor;
    }
}
