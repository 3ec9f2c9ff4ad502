using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Weft.Checkpoints;

/// <summary>The header of a safetensors file, read strictly: every rule of the format is checked before a tensor is made.</summary>
/// <remarks>Format: https://github.com/huggingface/safetensors#format. Every problem of a header that is JSON at all is reported at once.</remarks>
internal sealed class SafetensorsHeader
{
    public const long Longest = 100_000_000;
    private const int MostDimensions = 64;
    private const int LengthBytes = 8;
    private static readonly string[] fields = ["dtype", "shape", "data_offsets"];

    private readonly MappedFile file;
    private readonly Problems problems;
    private readonly HashSet<string> seen = new(StringComparer.Ordinal);
    private readonly List<(string Name, long Begin, long End, long At)> extents = [];
    private readonly long dataStart;
    private bool extentsComplete;

    private SafetensorsHeader(MappedFile file)
    {
        this.file = file;
        problems = new($"{file.Path} is not a valid safetensors file");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(file.Bytes(0, LengthBytes));
        if (length > Longest) problems.Add(0, $"the header is said to be {length} bytes long; at most {Longest} are allowed");
        else if ((long)length > file.Length - LengthBytes)
            problems.Add(0, $"the header is said to be {length} bytes long, but only {file.Length - LengthBytes} follow");
        problems.ThrowIfAny();
        dataStart = LengthBytes + (long)length;
        var json = file.Bytes(LengthBytes, (int)length);
        extentsComplete = Utf8.IsValid(json) && !json.IsEmpty && json[0] == '{';
        if (!Utf8.IsValid(json)) problems.Add(LengthBytes + FirstInvalid(json), "the header is not UTF-8");
        else if (json.IsEmpty || json[0] != '{') problems.Add(LengthBytes, "the header is not a JSON object: it must begin with {");
        else ReadHeader(json);
        if (extentsComplete) CheckLayout();
        problems.ThrowIfAny();
    }

    public OrderedDictionary<string, StoredTensor> Tensors { get; } = new(StringComparer.Ordinal);

    public OrderedDictionary<string, object> Metadata { get; } = new(StringComparer.Ordinal);

    public static SafetensorsHeader Read(MappedFile file) => new(file);

    private static int FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length && Rune.DecodeFromUtf8(bytes[at..], out _, out var used) == System.Buffers.OperationStatus.Done) at += used;
        return at;
    }

    private void ReadHeader(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var (name, at) = (Text(ref reader), Position(ref reader));
                var again = !seen.Add(name);
                extentsComplete &= !again;
                if (again) problems.Add(at, $"the name \"{name}\" stands twice in the header");
                reader.Read();
                if (again) reader.Skip();
                else if (name == "__metadata__") ReadMetadata(ref reader);
                else ReadEntry(ref reader, name, at);
            }
            reader.Read();
        }
        catch (JsonException e)
        {
            extentsComplete = false;
            problems.Add(LengthBytes + reader.BytesConsumed, $"the header is not valid JSON after this byte ({e.Message})");
        }
    }

    private static long Position(ref Utf8JsonReader reader) => LengthBytes + reader.TokenStartIndex;

    private static string Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("a string holds half of a surrogate pair", e);
        }
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            problems.Add(Position(ref reader), "__metadata__ must be an object of strings");
            reader.Skip();
            return;
        }
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (key, at) = (Text(ref reader), Position(ref reader));
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
            {
                problems.Add(Position(ref reader), $"__metadata__: \"{key}\" must be a string");
                reader.Skip();
            }
            else if (!Metadata.TryAdd(key, Text(ref reader))) problems.Add(at, $"__metadata__: the key \"{key}\" stands twice");
        }
    }

    private void ReadEntry(ref Utf8JsonReader reader, string name, long at)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            problems.Add(Position(ref reader), $"tensor \"{name}\": an object with dtype, shape and data_offsets is needed");
            extentsComplete = false;
            reader.Skip();
            return;
        }
        string? type = null;
        List<long>? shape = null, offsets = null;
        var had = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var (key, keyAt) = (Text(ref reader), Position(ref reader));
            var again = !had.Add(key);
            if (again) problems.Add(keyAt, $"tensor \"{name}\": the field \"{key}\" stands twice");
            reader.Read();
            if (again) reader.Skip();
            else if (key == "dtype") type = ReadType(ref reader, name);
            else if (key == "shape") shape = ReadNumbers(ref reader, name, key);
            else if (key == "data_offsets") offsets = ReadNumbers(ref reader, name, key);
            else
            {
                problems.Add(keyAt, $"tensor \"{name}\": the field \"{key}\" is not known; known are {string.Join(", ", fields)}");
                reader.Skip();
            }
        }
        foreach (var field in fields)
            if (!had.Contains(field)) problems.Add(at, $"tensor \"{name}\": the field \"{field}\" is missing");
        CheckEntry(name, at, type, shape, offsets);
    }

    private string? ReadType(ref Utf8JsonReader reader, string name)
    {
        var at = Position(ref reader);
        var type = reader.TokenType == JsonTokenType.String ? Text(ref reader) : null;
        if (type is not null && Array.Exists(SafetensorsType.All, t => t.Name == type)) return type;
        var known = string.Join(", ", SafetensorsType.All.Select(t => t.Name));
        if (type is null) problems.Add(at, $"tensor \"{name}\": dtype must be a string");
        else if (SafetensorsType.WithoutTorch.Contains(type)) problems.Add(at, $"tensor \"{name}\": dtype {type} is not supported; supported are {known}");
        else problems.Add(at, $"tensor \"{name}\": dtype \"{type}\" is not known; known are {known}");
        reader.Skip();
        return null;
    }

    private List<long>? ReadNumbers(ref Utf8JsonReader reader, string name, string field)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            problems.Add(Position(ref reader), $"tensor \"{name}\": {field} must be an array of whole numbers");
            reader.Skip();
            return null;
        }
        List<long>? numbers = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number) && number >= 0)
            {
                numbers?.Add(number);
                continue;
            }
            if (numbers is not null)
                problems.Add(Position(ref reader), $"tensor \"{name}\": {field} must hold whole numbers from 0 to {long.MaxValue}");
            numbers = null;
            reader.Skip();
        }
        return numbers;
    }

    private void CheckEntry(string name, long at, string? type, List<long>? shape, List<long>? offsets)
    {
        if (offsets is not null && offsets.Count != 2)
        {
            problems.Add(at, $"tensor \"{name}\": data_offsets must be two numbers, not {offsets.Count}");
            offsets = null;
        }
        if (offsets is not null && offsets[0] > offsets[1])
        {
            problems.Add(at, $"tensor \"{name}\": data_offsets begin at {offsets[0]} and end before it, at {offsets[1]}");
            offsets = null;
        }
        if (offsets is null) extentsComplete = false;
        else extents.Add((name, offsets[0], offsets[1], at));
        if (shape is not null && shape.Count > MostDimensions)
        {
            problems.Add(at, $"tensor \"{name}\": {shape.Count} dimensions; at most {MostDimensions} are allowed");
            shape = null;
        }
        if (type is null || shape is null) return;
        var (_, torchType, size) = Array.Find(SafetensorsType.All, t => t.Name == type);
        var bytes = BytesOf(shape, size);
        if (bytes is null) problems.Add(at, $"tensor \"{name}\": the product of the shape ({string.Join(", ", shape)}) overflows");
        else if (offsets is not null && offsets[1] - offsets[0] != bytes)
            problems.Add(at, $"tensor \"{name}\": shape ({string.Join(", ", shape)}) of {type} takes {bytes} bytes, data_offsets hold {offsets[1] - offsets[0]}");
        else if (offsets is not null && offsets[1] <= file.Length - dataStart)
            Tensors.Add(name, new(new(name, type, shape, bytes.Value, file.Path), torchType, dataStart + offsets[0]));
    }

    // torch multiplies the other dimensions even where one is 0, so they must not overflow either
    private static long? BytesOf(List<long> shape, int size)
    {
        Int128 nonZero = size;
        foreach (var dimension in shape)
            if ((nonZero *= Math.Max(dimension, 1)) > long.MaxValue) return null;
        return shape.Contains(0) ? 0 : (long)nonZero;
    }

    private void CheckLayout()
    {
        extents.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        var (expected, previous) = (0L, "the header");
        foreach (var (name, begin, end, at) in extents)
        {
            if (begin < expected) problems.Add(at, $"tensor \"{name}\": begins at {begin} of the data and overlaps {previous}, which ends at {expected}");
            else if (begin > expected && previous == "the header") problems.Add(at, $"tensor \"{name}\": the data must begin at 0, not at {begin}");
            else if (begin > expected) problems.Add(at, $"tensor \"{name}\": begins at {begin} of the data and leaves a gap after {previous}, which ends at {expected}");
            if (end >= expected) (expected, previous) = (end, $"\"{name}\"");
        }
        var held = file.Length - dataStart;
        if (expected > held) problems.Add(file.Length, $"the file ends here, truncated: the header promises {expected} bytes of data, {held} are there");
        else if (expected < held) problems.Add(dataStart + expected, $"the data ends here, but {held - expected} bytes follow it");
    }
}
