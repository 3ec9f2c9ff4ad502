using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Weft.Checkpoints;

/// <summary>Reads the values of a GGUF header one after the other; whatever is announced is checked against the bytes that are left before it is allocated.</summary>
/// <param name="file">The file.</param>
/// <param name="problems">What was found wrong so far; the first thing that cannot be read past is thrown together with it.</param>
internal sealed class GgufReader(MappedFile file, Problems problems)
{
    // deeper nesting has no use, and unlimited nesting would let a file overflow the stack
    private const int DeepestArray = 4;
    private static readonly UTF8Encoding strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The next byte, counted from the start of the file.</summary>
    public long Position { get; private set; }

    private long Left => file.Length - Position;

    public uint UInt32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    public ulong UInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    /// <summary>A count of things that take at least so many bytes each.</summary>
    public long Count(string what, int leastBytes)
    {
        var at = Position;
        var count = UInt64(what);
        if (count > (ulong)(Left / leastBytes))
            throw Broken(at, $"{what} is {count}, but {Left} bytes are left and each takes at least {leastBytes}");
        return (long)count;
    }

    public string Text(string what)
    {
        var at = Position;
        var length = UInt64(what);
        if (length > (ulong)Math.Min(Left, int.MaxValue)) throw Broken(at, $"{what} is said to be {length} bytes long, but {Left} are left");
        var bytes = Take((int)length, what);
        return Utf8.IsValid(bytes) ? strict.GetString(bytes) : throw Broken(at + 8, $"{what} is not UTF-8");
    }

    /// <summary>A value of the metadata: ulong, long, double, bool, string, or an array of one of them or of arrays.</summary>
    public object Value(string key)
    {
        var at = Position;
        var type = UInt32($"the type of \"{key}\"");
        return type == 9 ? Array(key, 1) : Single(type, key, at);
    }

    public InvalidDataException Broken(long position, string rule)
    {
        problems.Add(position, rule);
        return problems.ToException();
    }

    private object Single(uint type, string key, long at) => type switch
    {
        0 => (ulong)Take(1, key)[0],
        1 => (long)(sbyte)Take(1, key)[0],
        2 => (ulong)BinaryPrimitives.ReadUInt16LittleEndian(Take(2, key)),
        3 => (long)BinaryPrimitives.ReadInt16LittleEndian(Take(2, key)),
        4 => (ulong)UInt32(key),
        5 => (long)BinaryPrimitives.ReadInt32LittleEndian(Take(4, key)),
        6 => (double)BinaryPrimitives.ReadSingleLittleEndian(Take(4, key)),
        7 => Bool(key),
        8 => Text($"\"{key}\""),
        10 => UInt64(key),
        11 => BinaryPrimitives.ReadInt64LittleEndian(Take(8, key)),
        12 => BinaryPrimitives.ReadDoubleLittleEndian(Take(8, key)),
        _ => throw Broken(at, $"\"{key}\": {type} is no type of the format (0 to 12)"),
    };

    private bool Bool(string key)
    {
        var value = Take(1, key)[0];
        return value <= 1 ? value == 1 : throw Broken(Position - 1, $"\"{key}\": a bool is 0 or 1, not {value}");
    }

    private object Array(string key, int depth)
    {
        var at = Position;
        var type = UInt32($"the element type of \"{key}\"");
        var announced = Count($"the number of elements of \"{key}\"", LeastBytes(type, key, at));
        if (announced > System.Array.MaxLength) throw Broken(at, $"\"{key}\": {announced} elements; at most {System.Array.MaxLength} are read");
        var count = (int)announced;
        if (type == 9)
        {
            if (depth == DeepestArray) throw Broken(at, $"\"{key}\": arrays are nested deeper than {DeepestArray}");
            return Fill(count, () => Array(key, depth + 1));
        }
        return type switch
        {
            0 or 2 or 4 or 10 => Fill(count, () => (ulong)Single(type, key, at)),
            1 or 3 or 5 or 11 => Fill(count, () => (long)Single(type, key, at)),
            6 or 12 => Fill(count, () => (double)Single(type, key, at)),
            7 => Fill(count, () => Bool(key)),
            _ => Texts(count, $"\"{key}\""),
        };
    }

    private string[] Texts(int count, string what) => Fill(count, () => Text(what));

    private static T[] Fill<T>(int count, Func<T> next)
    {
        var values = new T[count];
        for (var i = 0; i < count; i++) values[i] = next();
        return values;
    }

    private int LeastBytes(uint type, string key, long at) => type switch
    {
        0 or 1 or 7 => 1,
        2 or 3 => 2,
        4 or 5 or 6 => 4,
        8 or 10 or 11 or 12 => 8,
        9 => 12,
        _ => throw Broken(at, $"\"{key}\": {type} is no type of the format (0 to 12)"),
    };

    private ReadOnlySpan<byte> Take(int count, string what)
    {
        if (count > Left) throw Broken(file.Length, $"the file ends here, truncated: {what} needs {count} bytes, {Left} are left");
        var bytes = file.Bytes(Position, count);
        Position += count;
        return bytes;
    }
}
