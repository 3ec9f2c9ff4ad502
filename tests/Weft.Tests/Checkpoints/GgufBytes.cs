using System.Text;

namespace Weft.Tests.Checkpoints;

/// <summary>GGUF files made by hand, so that they can break the rules.</summary>
internal sealed class GgufBytes
{
    private readonly MemoryStream keys = new();
    private readonly MemoryStream tensors = new();

    public uint Version { get; init; } = 3;

    public int Alignment { get; init; } = 32;

    public ulong KeyCount { get; set; }

    public ulong TensorCount { get; set; }

    /// <summary>A name or text: its length in 8 bytes, then UTF-8.</summary>
    public static byte[] Text(string text) => [.. BitConverter.GetBytes((ulong)Encoding.UTF8.GetByteCount(text)), .. Encoding.UTF8.GetBytes(text)];

    /// <summary>Adds a key with a type and the bytes of its value.</summary>
    public GgufBytes Key(string key, uint type, params byte[] value)
    {
        KeyCount++;
        keys.Write([.. Text(key), .. BitConverter.GetBytes(type), .. value]);
        return this;
    }

    /// <summary>Adds a text (type 8).</summary>
    public GgufBytes Key(string key, string value) => Key(key, 8, Text(value));

    /// <summary>Adds a whole number of 32 bits (type 4).</summary>
    public GgufBytes Key(string key, uint value) => Key(key, 4, BitConverter.GetBytes(value));

    /// <summary>Adds a list of texts (type 9).</summary>
    public GgufBytes Key(string key, IReadOnlyCollection<string> values) => Key(key, 9, [.. BitConverter.GetBytes(8u), .. BitConverter.GetBytes((ulong)values.Count), .. values.SelectMany(Text)]);

    /// <summary>Adds a tensor; its dimensions stand in the file's order, the innermost first.</summary>
    public GgufBytes Tensor(string name, uint kind, ulong offset, params ulong[] dimensions)
    {
        TensorCount++;
        tensors.Write([.. Text(name), .. BitConverter.GetBytes((uint)dimensions.Length), .. dimensions.SelectMany(BitConverter.GetBytes), .. BitConverter.GetBytes(kind), .. BitConverter.GetBytes(offset)]);
        return this;
    }

    /// <summary>The file, with so many bytes of data after the aligned header.</summary>
    public byte[] File(int data) => File([.. Enumerable.Range(0, data).Select(i => (byte)i)]);

    /// <summary>The file, with its data after the aligned header.</summary>
    public byte[] File(byte[] data)
    {
        byte[] header = [.. "GGUF"u8, .. BitConverter.GetBytes(Version), .. BitConverter.GetBytes(TensorCount), .. BitConverter.GetBytes(KeyCount), .. keys.ToArray(), .. tensors.ToArray()];
        return [.. header, .. new byte[(Alignment - header.Length % Alignment) % Alignment], .. data];
    }
}
