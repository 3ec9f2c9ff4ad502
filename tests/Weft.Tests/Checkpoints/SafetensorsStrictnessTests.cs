using System.Buffers.Binary;
using Weft.Checkpoints;
using static Weft.Tests.Checkpoints.SafetensorsBytes;

namespace Weft.Tests.Checkpoints;

public sealed class SafetensorsStrictnessTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>What breaks; header; bytes of data; what the message says.</summary>
    public static TheoryData<string, string, int, string[]> Broken() => new()
    {
        { "not an object", "[]", 0, ["byte 8: the header is not a JSON object: it must begin with {"] },
        { "white space first", " {}", 0, ["byte 8: the header is not a JSON object"] },
        { "empty header", "", 0, ["byte 8: the header is not a JSON object"] },
        { "cut JSON", "{\"a\":", 0, ["the header is not valid JSON after this byte"] },
        { "two values", "{}{}", 0, ["byte 10: the header is not valid JSON after this byte"] },
        { "comment", "{/* */}", 0, ["the header is not valid JSON after this byte"] },
        { "half a surrogate pair", "{\"\\ud800\":1}", 0, ["the header is not valid JSON after this byte (a string holds half of a surrogate pair)"] },
        { "same name twice", $"{{{Entry("a", "U8", "4", 0, 4)},{Entry("a", "U8", "4", 4, 8)}}}", 8, ["the name \"a\" stands twice in the header"] },
        { "same name twice, spelt otherwise", $"{{{Entry("a", "U8", "4", 0, 4)},{Entry("\\u0061", "U8", "4", 4, 8)}}}", 8, ["the name \"a\" stands twice in the header"] },
        { "metadata twice", """{"__metadata__":{},"__metadata__":{}}""", 0, ["byte 27: the name \"__metadata__\" stands twice in the header"] },
        { "metadata not an object", """{"__metadata__":3}""", 0, ["byte 24: __metadata__ must be an object of strings"] },
        { "metadata not a string", """{"__metadata__":{"a":3,"b":{"c":1}}}""", 0, ["__metadata__: \"a\" must be a string", "__metadata__: \"b\" must be a string"] },
        { "metadata key twice", """{"__metadata__":{"a":"1","a":"2"}}""", 0, ["byte 33: __metadata__: the key \"a\" stands twice"] },
        { "entry not an object", """{"a":[1,{"b":2}]}""", 0, ["byte 13: tensor \"a\": an object with dtype, shape and data_offsets is needed"] },
        { "fields missing", """{"a":{}}""", 0, ["byte 9: tensor \"a\": the field \"dtype\" is missing", "the field \"shape\" is missing", "the field \"data_offsets\" is missing"] },
        { "field twice", """{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, ["byte 27: tensor \"a\": the field \"dtype\" stands twice"] },
        { "field unknown", """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"stride":[[1]]}}""", 1, ["tensor \"a\": the field \"stride\" is not known; known are dtype, shape, data_offsets"] },
        { "dtype unknown", $"{{{Entry("a", "F99", "1", 0, 1)}}}", 1, ["byte 22: tensor \"a\": dtype \"F99\" is not known; known are I64, F64, C64, F32, I32, BF16, F16, I16, I8, U8, BOOL"] },
        { "dtype without a torch type", $"{{{Entry("a", "F8_E4M3", "1", 0, 1)},{Entry("b", "F8_E5M2", "1", 1, 2)},{Entry("c", "U16", "1", 2, 4)}}}", 4,
            ["tensor \"a\": dtype F8_E4M3 is not supported; supported are I64,", "tensor \"b\": dtype F8_E5M2 is not supported", "tensor \"c\": dtype U16 is not supported"] },
        { "dtype not a string", """{"a":{"dtype":3,"shape":[1],"data_offsets":[0,1]}}""", 1, ["tensor \"a\": dtype must be a string"] },
        { "shape not an array", """{"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}}""", 1, ["tensor \"a\": shape must be an array of whole numbers"] },
        { "negative dimension", $"{{{Entry("a", "U8", "-1", 0, 1)}}}", 1, ["tensor \"a\": shape must hold whole numbers from 0 to 9223372036854775807"] },
        { "dimension with a fraction", $"{{{Entry("a", "U8", "1.0", 0, 1)}}}", 1, ["tensor \"a\": shape must hold whole numbers"] },
        { "dimension too large", $"{{{Entry("a", "U8", "9223372036854775808", 0, 1)}}}", 1, ["tensor \"a\": shape must hold whole numbers"] },
        { "product overflows", $"{{{Entry("a", "F32", "4611686018427387904,4", 0, 0)}}}", 0, ["tensor \"a\": the product of the shape (4611686018427387904, 4) overflows"] },
        { "product overflows beside a zero", $"{{{Entry("a", "F32", "0,4611686018427387904,4", 0, 0)}}}", 0, ["tensor \"a\": the product of the shape (0, 4611686018427387904, 4) overflows"] },
        { "65 dimensions", $"{{{Entry("a", "U8", string.Join(',', Enumerable.Repeat(1, 65)), 0, 1)}}}", 1, ["tensor \"a\": 65 dimensions; at most 64 are allowed"] },
        { "three offsets", """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}""", 1, ["tensor \"a\": data_offsets must be two numbers, not 3"] },
        { "ends before it begins", $"{{{Entry("a", "U8", "1", 1, 0)}}}", 1, ["tensor \"a\": data_offsets begin at 1 and end before it, at 0"] },
        { "wrong size", $"{{{Entry("a", "F32", "2,3", 0, 20)}}}", 20, ["byte 9: tensor \"a\": shape (2, 3) of F32 takes 24 bytes, data_offsets hold 20"] },
        { "overlap", $"{{{Entry("a", "U8", "4", 0, 4)},{Entry("b", "U8", "4", 3, 7)}}}", 7, ["tensor \"b\": begins at 3 of the data and overlaps \"a\", which ends at 4"] },
        { "same place twice", $"{{{Entry("a", "U8", "4", 0, 4)},{Entry("b", "U8", "4", 0, 4)}}}", 4, ["begins at 0 of the data and overlaps"] },
        { "gap", $"{{{Entry("a", "U8", "4", 0, 4)},{Entry("b", "U8", "4", 8, 12)}}}", 12, ["tensor \"b\": begins at 8 of the data and leaves a gap after \"a\", which ends at 4"] },
        { "does not begin at 0", $"{{{Entry("a", "U8", "4", 4, 8)}}}", 8, ["tensor \"a\": the data must begin at 0, not at 4"] },
        { "truncated", $"{{{Entry("a", "U8", "4", 0, 4)}}}", 3, ["byte 64: the file ends here, truncated: the header promises 4 bytes of data, 3 are there"] },
        { "padded", $"{{{Entry("a", "U8", "4", 0, 4)}}}", 6, ["byte 65: the data ends here, but 2 bytes follow it"] },
        { "data without tensors", "{}", 2, ["byte 10: the data ends here, but 2 bytes follow it"] },
        { "far beyond the end", $"{{{Entry("a", "U8", "9223372036854775807", 0, 9223372036854775807)}}}", 3, ["truncated: the header promises 9223372036854775807 bytes of data, 3 are there"] },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void A_broken_file_is_refused_with_the_byte_and_the_rule(string what, string header, int data, string[] says)
    {
        Assert.NotEmpty(what);
        var message = Refusal(Of(header, data));
        Assert.StartsWith($"{folder.File("a.safetensors")} is not a valid safetensors file:\n", message);
        foreach (var part in says) Assert.Contains(part, message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_file_without_room_for_the_length_is_refused(int length)
    {
        var message = Refusal(new byte[length]);
        Assert.EndsWith($"byte {length}: the file ends here; a safetensors file begins with 8 bytes that give the length of its header.", message);
    }

    [Theory]
    [InlineData(3UL, "byte 0: the header is said to be 3 bytes long, but only 2 follow")]
    [InlineData(100_000_001UL, "byte 0: the header is said to be 100000001 bytes long; at most 100000000 are allowed")]
    [InlineData(ulong.MaxValue, "byte 0: the header is said to be 18446744073709551615 bytes long; at most 100000000 are allowed")]
    public void A_header_longer_than_the_file_or_the_limit_is_refused(ulong length, string says)
    {
        var file = Of("{}", 0);
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);
        Assert.Contains(says, Refusal(file));
    }

    [Fact]
    public void A_header_that_is_not_UTF8_is_refused_at_its_first_bad_byte() =>
        Assert.EndsWith("file:\n  byte 11: the header is not UTF-8", Refusal(Of([(byte)'{', (byte)'"', (byte)'a', 0xC3, 0x28, (byte)'"', (byte)'}'], 0)));

    [Fact]
    public void All_problems_of_one_header_are_named_at_once()
    {
        var message = Refusal(Of($"{{{Entry("a", "F99", "1", 0, 4)},{Entry("b", "F32", "3", 4, 8)},{Entry("c", "U8", "-2", 9, 10)}}}", 20));
        Assert.Contains("dtype \"F99\" is not known", message);
        Assert.Contains("tensor \"b\": shape (3) of F32 takes 12 bytes, data_offsets hold 4", message);
        Assert.Contains("tensor \"c\": shape must hold whole numbers", message);
        Assert.Contains("tensor \"c\": begins at 9 of the data and leaves a gap after \"b\", which ends at 8", message);
        Assert.Contains("the data ends here, but 10 bytes follow it", message);
        Assert.Equal(6, message.Split('\n').Length);
    }

    [Fact]
    public void Thousands_of_problems_are_counted_and_fifty_are_shown()
    {
        var message = Refusal(Of($"{{{string.Join(',', Enumerable.Range(0, 5000).Select(i => $"\"{i}\":0"))}}}", 0));
        Assert.EndsWith("\n  and 4950 more", message);
    }

    [Fact]
    public void A_bool_that_is_neither_0_nor_1_is_refused_when_it_is_read()
    {
        File.WriteAllBytes(folder.File("a.safetensors"), Of($"{{{Entry("a", "BOOL", "3", 0, 3)}}}", 3));
        using var read = Safetensors.Open(folder.File("a.safetensors"));
        var error = Assert.Throws<InvalidDataException>(() => read.Read("a"));
        Assert.EndsWith("tensor \"a\" holds 2; a BOOL is 0 or 1.", error.Message);
    }

    [Fact]
    public void Damaged_files_are_refused_or_read_and_nothing_else_happens()
    {
        using var scope = NewDisposeScope();
        var path = folder.File("a.safetensors");
        Safetensors.Write(path, [("a.weight", arange(12, float32).reshape(3, 4)), ("b", zeros([2], ScalarType.Bool)), ("c", zeros(0, 3)), ("n", ones([5], ScalarType.Int64))]);
        var sound = File.ReadAllBytes(path);
        var random = new System.Random(20);
        for (var round = 0; round < 3000; round++)
        {
            using var inner = NewDisposeScope();
            var damaged = Damage(sound, random);
            File.WriteAllBytes(path, damaged);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using var read = Safetensors.Open(path);
                foreach (var (name, entry) in read.Tensors) Assert.True(read.Read(name).numel() <= entry.Bytes);
            }
            catch (InvalidDataException)
            {
            }
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
        }
    }

    /// <summary>A copy with bits flipped, bytes replaced, or its end cut off or grown.</summary>
    internal static byte[] Damage(byte[] sound, System.Random random)
    {
        var copy = (byte[])sound.Clone();
        var kind = random.Next(4);
        if (kind == 0) return copy[..random.Next(copy.Length)];
        if (kind == 1) return [.. copy, .. new byte[random.Next(1, 40)]];
        for (var i = random.Next(1, 6); i > 0; i--)
        {
            var at = random.Next(copy.Length);
            copy[at] = kind == 2 ? (byte)(copy[at] ^ (1 << random.Next(8))) : "0123456789\",:[]{}-x\0"u8[random.Next(20)];
        }
        return copy;
    }

    private string Refusal(byte[] file)
    {
        var path = folder.File("a.safetensors");
        File.WriteAllBytes(path, file);
        var error = Assert.Throws<InvalidDataException>(() => Safetensors.Open(path));
        Assert.StartsWith(path, error.Message);
        return error.Message;
    }
}
