using System.Buffers.Binary;
using System.Text;

namespace Weft.Tests.Checkpoints;

/// <summary>Safetensors files made by hand, so that they can break the rules.</summary>
internal static class SafetensorsBytes
{
    /// <summary>A file of this header and so many bytes of data.</summary>
    public static byte[] Of(string header, int data) => Of(Encoding.UTF8.GetBytes(header), data);

    public static byte[] Of(byte[] header, int data)
    {
        var file = new byte[8 + header.Length + data];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        header.CopyTo(file, 8);
        for (var i = 0; i < data; i++) file[8 + header.Length + i] = (byte)i;
        return file;
    }

    /// <summary>One entry of a header.</summary>
    public static string Entry(string name, string dtype, string shape, long begin, long end) =>
        $$"""
        "{{name}}":{"dtype":"{{dtype}}","shape":[{{shape}}],"data_offsets":[{{begin}},{{end}}]}
        """;
}
