using System.Buffers.Binary;
using System.Text;

namespace Weft.Native;

/// <summary>Frees TorchSharp's binding from the one symbol that only libstdc++ of GCC 13 and later has.</summary>
/// <remarks>
/// The symbol is a call in a static initialiser that sets up the standard streams. Three edits of the ELF file (System V ABI,
/// chapters 4 and 5; symbol versioning of the Linux Standard Base, chapter 10): its name becomes that of the constructor
/// which did the same before GCC 13, its version becomes GLIBCXX_3.4, and the need of the newer version becomes weak.
/// </remarks>
internal static class BindingPatch
{
    private const string Newer = "_ZSt21ios_base_library_initv", Older = "_ZNSt8ios_base4InitC1Ev", OlderVersion = "GLIBCXX_3.4";
    private const int SymbolBytes = 24, WeakFlag = 2;

    /// <summary>A patched copy of the library.</summary>
    /// <exception cref="InvalidDataException">It is no 64-bit ELF library, or does not bind the symbol.</exception>
    public static byte[] Apply(ReadOnlySpan<byte> library)
    {
        var bytes = library.ToArray();
        try
        {
            return Edit(bytes);
        }
        catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException or OverflowException or KeyNotFoundException)
        {
            throw new InvalidDataException($"this is not a dynamic library as the linker writes it ({e.Message})", e);
        }
    }

    private static byte[] Edit(byte[] bytes)
    {
        if (!bytes.AsSpan(0, 5).SequenceEqual("\u007fELF\u0002"u8)) throw new InvalidDataException("this is no 64-bit ELF file");
        var elf = new Elf(bytes);
        var (names, versions) = (elf.Section(".dynstr").Start, elf.Section(".gnu.version").Start);
        var (symbols, length) = elf.Section(".dynsym");

        var symbol = -1;
        for (var i = 0; i < length / SymbolBytes && symbol < 0; i++)
            if (elf.Text(names + elf.U32(symbols + i * SymbolBytes)) == Newer) symbol = i;
        if (symbol < 0) throw new InvalidDataException($"it does not bind {Newer}");

        var (need, weak, older) = (elf.Section(".gnu.version_r").Start, -1, -1);
        while (true)
        {
            var entry = need + elf.U32(need + 8);
            for (var left = elf.U16(need + 2); left > 0; left--, entry += elf.U32(entry + 12))
            {
                var version = elf.Text(names + elf.U32(entry + 8));
                if (version == LibstdcxxFallback.MissingVersion) weak = entry + 4;
                if (version == OlderVersion) older = elf.U16(entry + 6);
            }
            if (elf.U32(need + 12) == 0) break;
            need += elf.U32(need + 12);
        }
        if (weak < 0 || older < 0) throw new InvalidDataException($"it does not need both {LibstdcxxFallback.MissingVersion} and {OlderVersion}");

        var name = names + elf.U32(symbols + symbol * SymbolBytes);
        Array.Clear(bytes, name, Newer.Length);
        Encoding.ASCII.GetBytes(Older, bytes.AsSpan(name));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(versions + 2 * symbol), (ushort)older);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(weak), WeakFlag);
        return bytes;
    }

    /// <summary>The parts of an ELF file that are read here; all offsets are from its start.</summary>
    private sealed class Elf(byte[] bytes)
    {
        public ushort U16(int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

        public int U32(int at) => checked((int)BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)));

        public int U64(int at) => checked((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at)));

        public string Text(int at) => Encoding.ASCII.GetString(bytes, at, Array.IndexOf(bytes, (byte)0, at) - at);

        public (int Start, int Bytes) Section(string name)
        {
            var (table, size, count) = (U64(0x28), U16(0x3A), U16(0x3C));
            var names = U64(table + U16(0x3E) * size + 0x18);
            for (var header = table; header < table + count * size; header += size)
                if (Text(names + U32(header)) == name) return (U64(header + 0x18), U64(header + 0x20));
            throw new KeyNotFoundException($"it has no section {name}");
        }
    }
}
