namespace Weft.Checkpoints;

/// <summary>One safetensors file, memory-mapped.</summary>
internal sealed class SafetensorsFile : Checkpoint
{
    private readonly MappedFile file;
    private readonly SafetensorsHeader header;
    private readonly OrderedDictionary<string, TensorEntry> entries = new(StringComparer.Ordinal);

    /// <param name="path">What the caller named: the file, or the folder that holds it.</param>
    /// <param name="name">The path of the file.</param>
    public SafetensorsFile(string path, string name)
        : base(path)
    {
        file = MappedFile.Open(name, sizeof(ulong), "a safetensors file begins with 8 bytes that give the length of its header");
        try
        {
            header = SafetensorsHeader.Read(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
        foreach (var (key, stored) in header.Tensors) entries.Add(key, stored.Entry);
    }

    public override IReadOnlyDictionary<string, TensorEntry> Tensors => entries;

    public override IReadOnlyDictionary<string, object> Metadata => header.Metadata;

    public override Tensor Read(string name, ScalarType? type = null) =>
        header.Tensors.TryGetValue(name, out var stored) ? file.Tensor(stored, type) : throw NoTensor(name);

    protected override void Dispose(bool disposing) => file.Dispose();
}
