using System.Buffers.Binary;
using System.Numerics;

namespace Weft.Checkpoints;

/// <summary>The header of a GGUF file, version 2 or 3, read strictly: every rule is checked before anything is made of it.</summary>
/// <remarks>Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.</remarks>
internal sealed class GgufHeader
{
    /// <summary>Bytes before the first key: magic, version, two counts.</summary>
    public const int Shortest = 24;
    private const int MostDimensions = 4;
    private const int LeastBytesOfKey = 13;
    private const int LeastBytesOfTensor = 24;
    private const uint DefaultAlignment = 32;

    private readonly MappedFile file;
    private readonly Problems problems;
    private readonly GgufReader reader;
    private readonly List<(string Name, long Begin, long End, long At)> extents = [];
    private readonly List<(string Name, GgufKind Kind, long[] Shape, long Bytes, long Offset)> found = [];
    private uint alignment = DefaultAlignment;

    private GgufHeader(MappedFile file)
    {
        this.file = file;
        problems = new($"{file.Path} is not a valid GGUF file");
        reader = new(file, problems);
        if (reader.UInt32("the magic") != 0x46554747) throw reader.Broken(0, "the file must begin with the letters GGUF");
        Version = ReadVersion();
        var tensors = reader.Count("the number of tensors", LeastBytesOfTensor);
        var keys = reader.Count("the number of keys", LeastBytesOfKey);
        for (; keys > 0; keys--) ReadKey();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (; tensors > 0; tensors--) ReadTensor(names);
        problems.ThrowIfAny();
        var dataStart = Aligned(reader.Position);
        CheckLayout(dataStart);
        problems.ThrowIfAny();
        foreach (var (name, kind, shape, bytes, offset) in found)
            Tensors.Add(name, new(new(name, kind.Name, shape, bytes, file.Path), kind, dataStart + offset));
    }

    public uint Version { get; }

    public OrderedDictionary<string, object> Metadata { get; } = new(StringComparer.Ordinal);

    public OrderedDictionary<string, PackedTensor> Tensors { get; } = new(StringComparer.Ordinal);

    public static GgufHeader Read(MappedFile file) => new(file);

    private uint ReadVersion()
    {
        var version = reader.UInt32("the version");
        if (version is 2 or 3) return version;
        var swapped = BinaryPrimitives.ReverseEndianness(version);
        throw reader.Broken(4, swapped is >= 1 and <= 3
            ? $"the file is big-endian (version {swapped}); only little-endian files are supported, convert it"
            : $"version {version} is not supported; supported are 2 and 3");
    }

    private void ReadKey()
    {
        var at = reader.Position;
        var key = reader.Text("a key");
        var valueAt = reader.Position;
        var value = reader.Value(key);
        if (!Metadata.TryAdd(key, value)) problems.Add(at, $"the key \"{key}\" stands twice");
        else if (key == "general.alignment")
        {
            if (value is ulong given and >= 8 and <= uint.MaxValue && BitOperations.IsPow2(given)) alignment = (uint)given;
            else problems.Add(valueAt, $"general.alignment must be a power of two from 8 on, not {value}");
        }
    }

    private void ReadTensor(HashSet<string> names)
    {
        var at = reader.Position;
        var name = reader.Text("the name of a tensor");
        if (!names.Add(name)) problems.Add(at, $"tensor \"{name}\" stands twice");
        var dimensionsAt = reader.Position;
        var dimensions = reader.UInt32($"the number of dimensions of tensor \"{name}\"");
        if (dimensions > MostDimensions) throw reader.Broken(dimensionsAt, $"tensor \"{name}\": {dimensions} dimensions; at most {MostDimensions} are allowed");
        var sizes = new ulong[dimensions];
        for (var i = 0; i < sizes.Length; i++) sizes[i] = reader.UInt64($"the dimensions of tensor \"{name}\"");
        var kindAt = reader.Position;
        var id = reader.UInt32($"the kind of tensor \"{name}\"");
        var offsetAt = reader.Position;
        var offset = reader.UInt64($"the offset of tensor \"{name}\"");
        var kind = GgufKind.Of(id);
        if (kind is null) problems.Add(kindAt, $"tensor \"{name}\": the kind {GgufKind.NameOf(id)} is not supported; supported are {GgufKind.Supported}");
        var product = Product(sizes);
        if (product is null) problems.Add(dimensionsAt, $"tensor \"{name}\": the product of its dimensions ({string.Join(", ", sizes)}) overflows");
        if (offset % alignment != 0) problems.Add(offsetAt, $"tensor \"{name}\": its offset {offset} is no multiple of the alignment {alignment}");
        if (offset > (ulong)file.Length) problems.Add(offsetAt, $"tensor \"{name}\": its offset {offset} lies beyond the end of the file of {file.Length} bytes");
        else if (kind is not null && product is not null) Place(name, kind, sizes, product.Value, (long)offset, dimensionsAt);
    }

    private void Place(string name, GgufKind kind, ulong[] sizes, long product, long offset, long at)
    {
        var row = sizes.Length == 0 ? 1 : sizes[0];
        if (row % (ulong)kind.Numbers != 0)
        {
            problems.Add(at, $"tensor \"{name}\": rows of {row} numbers; those of {kind.Name} are packed by {kind.Numbers}");
            return;
        }
        var bytes = sizes.Contains(0UL) ? 0 : (Int128)product / kind.Numbers * kind.Bytes;
        if (bytes > file.Length)
        {
            problems.Add(at, $"tensor \"{name}\": takes {bytes} bytes, the whole file has {file.Length}");
            return;
        }
        found.Add((name, kind, [.. sizes.Reverse().Select(s => (long)s)], (long)bytes, offset));
        extents.Add((name, offset, offset + (long)bytes, at));
    }

    // torch multiplies the other dimensions even where one is 0, so they must not overflow either
    private static long? Product(ulong[] sizes)
    {
        UInt128 product = 1;
        foreach (var size in sizes)
            if ((product *= Math.Max(size, 1)) > long.MaxValue / sizeof(double)) return null;
        return (long)product;
    }

    private long Aligned(long position) => (position + alignment - 1) / alignment * alignment;

    private void CheckLayout(long dataStart)
    {
        extents.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        var (expected, previous) = (0L, "the header");
        foreach (var (name, begin, end, at) in extents)
        {
            if (begin < expected) problems.Add(at, $"tensor \"{name}\": begins at {begin} of the data and overlaps {previous}, which ends at {expected}");
            else if (begin > Aligned(expected)) problems.Add(at, $"tensor \"{name}\": begins at {begin} of the data and leaves a gap after {previous}, which ends at {expected}");
            if (end >= expected) (expected, previous) = (end, $"\"{name}\"");
        }
        var last = extents.Count == 0 ? reader.Position : dataStart + expected;
        if (last > file.Length) problems.Add(file.Length, $"the file ends here, truncated: {previous} ends at byte {last}");
        else if (Aligned(last) < file.Length) problems.Add(last, $"the data ends here, but {file.Length - last} bytes follow it; at most {Aligned(last) - last} may pad it");
    }
}
