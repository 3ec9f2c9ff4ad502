using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Weft.Checkpoints;

/// <summary>The safetensors format: 8 bytes of length, a JSON header, the numbers.</summary>
/// <remarks>Format and byte order: https://github.com/huggingface/safetensors, safetensors/src/tensor.rs.</remarks>
public static class Safetensors
{
    private const long ChunkBytes = 1 << 28;
    private static readonly Dictionary<string, string> ofPyTorch = new() { ["format"] = "pt" };

    /// <summary>Opens one safetensors file; its tensors are not touched.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">The file is missing.</exception>
    /// <exception cref="InvalidDataException">The file breaks the format; the message names the byte and the rule of every problem.</exception>
    public static Checkpoint Open(string path) =>
        File.Exists(path) ? new SafetensorsFile(path, path) : throw new FileNotFoundException($"{path} is not there.", path);

    /// <summary>Writes tensors to a file in the byte order of the reference, so that equal tensors give equal files; a crash leaves the old file or the new one.</summary>
    /// <remarks>Types in the order I64, F64, C64, F32, I32, BF16, F16, I16, I8, U8, BOOL; within a type by the bytes of the name.</remarks>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="tensors">Name and tensor of any shape, device and layout.</param>
    /// <param name="metadata">Strings for <c>__metadata__</c>, in their order; null stands for <c>format = pt</c>, as HF writes it; none leaves it out.</param>
    /// <exception cref="ArgumentException">Names repeat or are not Unicode, or a type is not in the format; the message lists all.</exception>
    /// <exception cref="IOException">The file could not be written; the one that was there is unchanged.</exception>
    public static void Write(string path, IEnumerable<(string Name, Tensor Value)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var sorted = tensors.Select(t => (t.Name, t.Value, Key: Encoding.UTF8.GetBytes(t.Name), Type: SafetensorsType.IndexOf(t.Value.dtype))).ToArray();
        Refuse(path, sorted.Select(t => (t.Name, t.Value)));
        Array.Sort(sorted, (a, b) => a.Type != b.Type ? a.Type.CompareTo(b.Type) : a.Key.AsSpan().SequenceCompareTo(b.Key));
        var header = Header(sorted.Select(t => (t.Name, t.Value, t.Type)), metadata ?? ofPyTorch);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var (_, value, _, _) in sorted) WriteNumbers(stream, value);
        });
    }

    private static void Refuse(string path, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        var problems = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, value) in tensors)
        {
            if (!seen.Add(name)) problems.Add($"\"{name}\" is given twice");
            if (name == "__metadata__") problems.Add("\"__metadata__\" is not a name for a tensor");
            if (!IsUnicode(name)) problems.Add($"\"{name}\" holds half of a surrogate pair");
            if (SafetensorsType.IndexOf(value.dtype) < 0)
                problems.Add($"\"{name}\" is {value.dtype}, which the format has no type for; convert it to one of {string.Join(", ", SafetensorsType.All.Select(t => t.Type))}");
        }
        if (problems.Count > 0) throw new ArgumentException($"{path} cannot be written:{string.Concat(problems.Select(p => $"\n  {p}"))}", nameof(tensors));
    }

    private static bool IsUnicode(string text)
    {
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var used) != OperationStatus.Done) return false;
            rest = rest[used..];
        }
        return true;
    }

    private static byte[] Header(IEnumerable<(string Name, Tensor Value, int Type)> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var json = new StringBuilder("{");
        if (metadata.Count > 0)
        {
            json.Append("\"__metadata__\":{");
            foreach (var (key, value) in metadata) json.Append(Quoted(key)).Append(':').Append(Quoted(value)).Append(',');
            json[^1] = '}';
            json.Append(',');
        }
        var offset = 0L;
        foreach (var (name, value, index) in tensors)
        {
            var (type, _, size) = SafetensorsType.All[index];
            var end = offset + value.numel() * size;
            json.Append(CultureInfo.InvariantCulture,
                $"{Quoted(name)}:{{\"dtype\":\"{type}\",\"shape\":[{string.Join(',', value.shape)}],\"data_offsets\":[{offset},{end}]}},");
            offset = end;
        }
        if (json[^1] == ',') json.Length--;
        json.Append('}');
        var bytes = Encoding.UTF8.GetBytes(json.ToString());
        var padded = new byte[(bytes.Length + 7) / 8 * 8];
        padded.AsSpan(bytes.Length).Fill((byte)' ');
        bytes.CopyTo(padded, 0);
        if (padded.Length > SafetensorsHeader.Longest)
            throw new ArgumentException($"The names and shapes take {padded.Length} bytes; a safetensors header has at most {SafetensorsHeader.Longest}. Write several files.");
        return padded;
    }

    // the escapes of Rust's serde_json and no others: a library that escapes more makes other bytes
    private static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"", text.Length + 2);
        foreach (var c in text)
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\b' => "\\b",
                '\t' => "\\t",
                '\n' => "\\n",
                '\f' => "\\f",
                '\r' => "\\r",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        return quoted.Append('"').ToString();
    }

    private static void WriteNumbers(Stream stream, Tensor value)
    {
        using var scope = NewDisposeScope();
        var plain = value.detach().cpu();
        if (plain.is_complex()) plain = plain.resolve_conj().resolve_neg();
        plain = plain.contiguous().view(-1);
        var (count, step) = (plain.numel(), ChunkBytes / plain.element_size());
        for (var at = 0L; at < count; at += step)
        {
            using var part = plain.narrow(0, at, Math.Min(step, count - at));
            stream.Write(part.bytes);
        }
    }
}
