using System.Buffers.Binary;
using System.Text;

namespace Weft.Native;

/// <summary>Lets TorchSharp's binding load where libstdc++ is older than GCC 13, by a patched copy in a cache folder.</summary>
internal static class LibstdcxxFallback
{
    public static string PatchedCopy(string library)
    {
        var folder = Path.Combine(Path.GetTempPath(), "weft-native-0.107.0");
        Directory.CreateDirectory(folder);
        var copy = Path.Combine(folder, "libLibTorchSharp.so");
        if (File.Exists(copy)) return copy;
        var part = $"{copy}.{Environment.ProcessId}";
        File.WriteAllBytes(part, Patch(File.ReadAllBytes(library)));
        File.Move(part, copy, overwrite: true);
        return copy;
    }

    private static byte[] Patch(byte[] b)
    {
        ushort U16(long o) => BinaryPrimitives.ReadUInt16LittleEndian(b.AsSpan((int)o));
        uint U32(long o) => BinaryPrimitives.ReadUInt32LittleEndian(b.AsSpan((int)o));
        ulong U64(long o) => BinaryPrimitives.ReadUInt64LittleEndian(b.AsSpan((int)o));
        string S(long o) => Encoding.ASCII.GetString(b, (int)o, Array.IndexOf(b, (byte)0, (int)o) - (int)o);

        var (table, size, count, names) = ((long)U64(0x28), U16(0x3A), U16(0x3C), U16(0x3E));
        var strings = (long)U64(table + names * size + 0x18);
        var sections = Enumerable.Range(0, count).Select(i => table + i * size)
            .ToDictionary(h => S(strings + U32(h)) + (U32(h) == 0 ? h : ""), h => ((long)U64(h + 0x18), (long)U64(h + 0x20)));
        var (symbols, symbolBytes) = sections[".dynsym"];
        var symbolNames = sections[".dynstr"].Item1;
        var index = Enumerable.Range(0, (int)(symbolBytes / 24))
            .First(i => S(symbolNames + U32(symbols + 24L * i)) == "_ZSt21ios_base_library_initv");
        var at = (int)(symbolNames + U32(symbols + 24L * index));
        Array.Clear(b, at, 28);
        "_ZNSt8ios_base4InitC1Ev"u8.CopyTo(b.AsSpan(at));
        var need = sections[".gnu.version_r"].Item1;
        var (oldest, weak) = (-1, -1L);
        while (true)
        {
            var entry = need + U32(need + 8);
            for (var k = 0; k < U16(need + 2); k++, entry += U32(entry + 12))
            {
                if (S(symbolNames + U32(entry + 8)) == "GLIBCXX_3.4.32") weak = entry + 4;
                if (S(symbolNames + U32(entry + 8)) == "GLIBCXX_3.4") oldest = U16(entry + 6);
                if (U32(entry + 12) == 0) break;
            }
            if (U32(need + 12) == 0) break;
            need += U32(need + 12);
        }
        BinaryPrimitives.WriteUInt16LittleEndian(b.AsSpan((int)(sections[".gnu.version"].Item1 + 2 * index)), (ushort)oldest);
        BinaryPrimitives.WriteUInt16LittleEndian(b.AsSpan((int)weak), 2);
        return b;
    }
}
