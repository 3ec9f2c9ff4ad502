using Weft.Checkpoints;

namespace Weft.Tests.Checkpoints;

public sealed class GgufStrictnessTests : IDisposable
{
    private const uint F32 = 0, Q4_0 = 2, Uint8 = 0, Uint32 = 4, Float32 = 6, Bool = 7, String = 8, Array = 9, Uint64 = 10;
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>What breaks, and what the message says.</summary>
    public static TheoryData<string, string> Broken() => new()
    {
        { "magic", "byte 0: the file must begin with the letters GGUF" },
        { "version 1", "byte 4: version 1 is not supported; supported are 2 and 3" },
        { "version 4", "byte 4: version 4 is not supported; supported are 2 and 3" },
        { "big-endian", "byte 4: the file is big-endian (version 3); only little-endian files are supported, convert it" },
        { "absurd number of tensors", "byte 8: the number of tensors is 18446744073709551615, but 8 bytes are left and each takes at least 24" },
        { "absurd number of keys", "byte 16: the number of keys is 4611686018427387904, but 8 bytes are left and each takes at least 13" },
        { "one tensor too many", "byte 8: the number of tensors is 2, but 40 bytes are left and each takes at least 24" },
        { "absurd length of a key", "byte 24: a key is said to be 9223372036854775807 bytes long, but 13 are left" },
        { "absurd length of a string", "byte 37: \"k\" is said to be 1000 bytes long, but 3 are left" },
        { "key not UTF-8", "byte 32: a key is not UTF-8" },
        { "unknown type", "byte 33: \"k\": 13 is no type of the format (0 to 12)" },
        { "unknown element type", "byte 37: \"k\": 99 is no type of the format (0 to 12)" },
        { "absurd number of elements", "byte 41: the number of elements of \"k\" is 1152921504606846976, but 7 bytes are left and each takes at least 4" },
        { "absurd number of strings", "byte 41: the number of elements of \"k\" is 3, but 23 bytes are left and each takes at least 8" },
        { "arrays nested deeply", "\"k\": arrays are nested deeper than 4" },
        { "bool of 2", "byte 37: \"k\": a bool is 0 or 1, not 2" },
        { "value cut off", "byte 39: the file ends here, truncated: k needs 8 bytes, 2 are left" },
        { "key twice", "byte 38: the key \"k\" stands twice" },
        { "alignment 24", "byte 49: general.alignment must be a power of two from 8 on, not 24" },
        { "alignment 0", "byte 49: general.alignment must be a power of two from 8 on, not 0" },
        { "alignment 4", "byte 49: general.alignment must be a power of two from 8 on, not 4" },
        { "alignment a float", "byte 49: general.alignment must be a power of two from 8 on, not 32" },
        { "five dimensions", "byte 33: tensor \"a\": 5 dimensions; at most 4 are allowed" },
        { "product overflows", "byte 33: tensor \"a\": the product of its dimensions (4294967296, 4294967296, 4294967296, 4294967296) overflows" },
        { "product overflows beside a zero", "byte 33: tensor \"a\": the product of its dimensions (0, 4294967296, 4294967296) overflows" },
        { "kind of integers", "byte 45: tensor \"a\": the kind I8 is not supported; supported are F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, BF16" },
        { "kind without a name", "byte 45: tensor \"a\": the kind number 4000000000 is not supported" },
        { "kind IQ4_XS", "the kind IQ4_XS is not supported" },
        { "row of half a block", "byte 33: tensor \"a\": rows of 16 numbers; those of Q4_0 are packed by 32" },
        { "offset not aligned", "byte 49: tensor \"a\": its offset 4 is no multiple of the alignment 32" },
        { "offset beyond the end", "byte 49: tensor \"a\": its offset 9223372036854775808 lies beyond the end of the file of 80 bytes" },
        { "larger than the file", "byte 33: tensor \"a\": takes 4000000000 bytes, the whole file has 80" },
        { "tensor twice", "tensor \"a\" stands twice" },
        { "overlap", "tensor \"b\": begins at 32 of the data and overlaps \"a\", which ends at 64" },
        { "gap", "tensor \"b\": begins at 64 of the data and leaves a gap after \"a\", which ends at 16" },
        { "does not begin at 0", "tensor \"a\": begins at 32 of the data and leaves a gap after the header, which ends at 0" },
        { "truncated", "byte 79: the file ends here, truncated: \"a\" ends at byte 80" },
        { "padded", "byte 80: the data ends here, but 32 bytes follow it; at most 16 may pad it" },
        { "bytes after nothing", "byte 24: the data ends here, but 9 bytes follow it; at most 8 may pad it" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void A_broken_file_is_refused_with_the_byte_and_the_rule(string what, string says)
    {
        var path = folder.File("a.gguf");
        File.WriteAllBytes(path, BrokenFile(what));
        var message = Assert.Throws<InvalidDataException>(() => Gguf.Open(path)).Message;
        Assert.StartsWith($"{path} is not a valid GGUF file:\n", message);
        Assert.Contains(says, message);
    }

    [Theory]
    [InlineData(4u, "Q4_2"), InlineData(5u, "Q4_3"), InlineData(31u, "Q4_0_4_4"), InlineData(32u, "Q4_0_4_8"), InlineData(33u, "Q4_0_8_8"), InlineData(34u, "TQ1_0"), InlineData(35u, "TQ2_0")]
    [InlineData(36u, "IQ4_NL_4_4"), InlineData(37u, "IQ4_NL_4_8"), InlineData(38u, "IQ4_NL_8_8"), InlineData(39u, "MXFP4"), InlineData(40u, "NVFP4"), InlineData(41u, "Q1_0"), InlineData(42u, "number 42")]
    public void A_withdrawn_or_newer_kind_is_refused_by_name(uint kind, string name) => Assert.Equal(name, GgufKind.NameOf(kind));

    [Theory]
    [InlineData(0)]
    [InlineData(23)]
    public void A_file_without_room_for_the_counts_is_refused(int length)
    {
        var path = folder.File("a.gguf");
        File.WriteAllBytes(path, new byte[length]);
        Assert.Equal($"{path}: byte {length}: the file ends here; a GGUF file begins with 24 bytes: magic, version and two counts.", Assert.Throws<InvalidDataException>(() => Gguf.Open(path)).Message);
    }

    [Fact]
    public void All_problems_that_can_be_read_past_are_named_at_once()
    {
        var path = folder.File("a.gguf");
        File.WriteAllBytes(path, new GgufBytes().Tensor("a", 24, 0, 4).Tensor("b", Q4_0, 0, 16).Tensor("b", F32, 4, 1, 1, 1, 1, 1).File(16));
        var message = Assert.Throws<InvalidDataException>(() => Gguf.Open(path)).Message;
        Assert.Contains("the kind I8 is not supported", message);
        Assert.Contains("tensor \"b\": rows of 16 numbers", message);
        Assert.Contains("tensor \"b\" stands twice", message);
        Assert.Contains("tensor \"b\": 5 dimensions", message);
        Assert.Equal(5, message.Split('\n').Length);
    }

    [Theory]
    [InlineData(2u)]
    [InlineData(3u)]
    public void A_sound_file_of_either_version_opens(uint version)
    {
        using var scope = NewDisposeScope();
        var path = folder.File("a.gguf");
        File.WriteAllBytes(path, new GgufBytes { Version = version, Alignment = 64 }.Key("general.alignment", Uint32, 64, 0, 0, 0).Key("k", Array,
            [.. BitConverter.GetBytes(Array), .. BitConverter.GetBytes(2UL), .. Bytes(5), .. Bytes(6, 7)])
            .Tensor("a", F32, 0, 2, 3).Tensor("e", F32, 64, 0, 5).Tensor("s", F32, 64).File(68));
        using var read = Checkpoint.Open(path);
        Assert.Equal(["a", "e", "s"], read.Tensors.Keys);
        Assert.Equal([3L, 2], read.Read("a").shape);
        Assert.Equal([5L, 0], read.Read("e").shape);
        Assert.Equal(BitConverter.ToSingle([64, 65, 66, 67]), read.Read("s").item<float>());
        Assert.Equal(BitConverter.ToSingle([4, 5, 6, 7]), read.Read("a")[0, 1].item<float>());
        var nested = Assert.IsType<object[]>(read.Metadata["k"]);
        Assert.Equal([6UL, 7], Assert.IsType<ulong[]>(nested[1]));
        Assert.StartsWith($"{path} has no tensor \"x\"; it has 3: a, e, s", Assert.Throws<KeyNotFoundException>(() => read.Read("x")).Message);
    }

    [Fact]
    public void Damaged_files_are_refused_or_read_and_nothing_else_happens()
    {
        var path = folder.File("a.gguf");
        var sound = new GgufBytes().Key("general.alignment", Uint32, 32, 0, 0, 0).Key("s", String, GgufBytes.Text("text")).Key("b", Bool, 1)
            .Key("k", Array, [.. BitConverter.GetBytes(String), .. BitConverter.GetBytes(2UL), .. GgufBytes.Text("x"), .. GgufBytes.Text("yz")])
            .Key("n", Array, [.. BitConverter.GetBytes(Array), .. BitConverter.GetBytes(1UL), .. Bytes(5, 6)])
            .Tensor("a", F32, 0, 2, 4).Tensor("q", Q4_0, 32, 32, 2).Tensor("k", 12, 96, 256).File(96 + 144);
        var random = new System.Random(21);
        for (var round = 0; round < 3000; round++)
        {
            using var scope = NewDisposeScope();
            File.WriteAllBytes(path, SafetensorsStrictnessTests.Damage(sound, random));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using var read = Gguf.Open(path);
                foreach (var name in read.Tensors.Keys) read.Read(name, round % 2 == 0 ? bfloat16 : null);
            }
            catch (InvalidDataException)
            {
            }
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20);
        }
    }

    [Fact]
    public void Numbers_are_rounded_to_bfloat16_as_torch_rounds_them()
    {
        using var scope = NewDisposeScope();
        var bits = new uint[1 << 16];
        var random = new System.Random(22);
        for (var i = 0; i < bits.Length; i++) bits[i] = (uint)random.NextInt64(1L << 32) & (i % 3 == 0 ? 0xFFFF_8000u : uint.MaxValue);
        bits.AsSpan(0, 4).Clear();
        uint[] corners = [0x7F80_0000, 0xFF80_0000, 0x7F7F_FFFF, 0x8000_0000, 0x0000_0001, 0x3F80_8000, 0x3F81_8000];
        corners.CopyTo(bits, 0);
        var numbers = bits.Select(BitConverter.UInt32BitsToSingle).Select(x => float.IsNaN(x) ? 0 : x).ToArray();
        Assert.Equal(tensor(numbers).to(bfloat16).bytes.ToArray(), Rounded(numbers));
        Assert.Equal([0xC0, 0x7F], Rounded([.. Enumerable.Repeat(float.NaN, 16)])[..2]);
    }

    private static unsafe byte[] Rounded(float[] numbers)
    {
        var rounded = new ushort[numbers.Length];
        fixed (float* from = numbers)
        fixed (ushort* to = rounded) GgufBlocks.Round(from, to, numbers.Length);
        return System.Runtime.InteropServices.MemoryMarshal.AsBytes<ushort>(rounded).ToArray();
    }

    // an array of single bytes: element type, count, elements
    private static byte[] Bytes(params byte[] values) => [.. BitConverter.GetBytes(Uint8), .. BitConverter.GetBytes((ulong)values.Length), .. values];

    private static byte[] BrokenFile(string what)
    {
        var whole = new GgufBytes().Tensor("a", F32, 0, 4).File(16);
        return what switch
        {
            "magic" => [.. "GGML"u8, .. whole[4..]],
            "version 1" => new GgufBytes { Version = 1 }.File(0),
            "version 4" => new GgufBytes { Version = 4 }.File(0),
            "big-endian" => new GgufBytes { Version = 0x0300_0000 }.File(0),
            "absurd number of tensors" => new GgufBytes { TensorCount = ulong.MaxValue }.File(0)[..24],
            "absurd number of keys" => new GgufBytes { KeyCount = 1UL << 62 }.File(0),
            "one tensor too many" => new GgufBytes { TensorCount = 1 }.Tensor("a", F32, 0, 4).File(0)[..56],
            "absurd length of a key" => [.. new GgufBytes { KeyCount = 1 }.File(0)[..24], .. BitConverter.GetBytes(long.MaxValue), .. new byte[13]],
            "absurd length of a string" => new GgufBytes().Key("k", String, [.. BitConverter.GetBytes(1000UL), 1, 2, 3]).File(0)[..48],
            "key not UTF-8" => [.. new GgufBytes { KeyCount = 1 }.File(0)[..24], .. BitConverter.GetBytes(2UL), 0xC3, 0x28, .. new byte[8]],
            "unknown type" => new GgufBytes().Key("k", 13, 0).File(0),
            "unknown element type" => new GgufBytes().Key("k", Array, [99, 0, 0, 0, .. new byte[8]]).File(0),
            "absurd number of elements" => new GgufBytes().Key("k", Array, [.. BitConverter.GetBytes(Uint32), .. BitConverter.GetBytes(1UL << 60), .. new byte[7]]).File(0)[..56],
            "absurd number of strings" => new GgufBytes().Key("k", Array, [.. BitConverter.GetBytes(String), .. BitConverter.GetBytes(3UL), .. new byte[23]]).File(0)[..72],
            "arrays nested deeply" => new GgufBytes().Key("k", Array, [.. Enumerable.Repeat((byte[])[.. BitConverter.GetBytes(Array), .. BitConverter.GetBytes(1UL)], 5).SelectMany(b => b), .. Bytes(1)]).File(0),
            "bool of 2" => new GgufBytes().Key("k", Bool, 2).File(0),
            "value cut off" => new GgufBytes().Key("k", Uint64, 1, 2).File(0)[..39],
            "key twice" => new GgufBytes().Key("k", Uint8, 1).Key("k", Uint8, 2).File(0),
            "alignment 24" => new GgufBytes().Key("general.alignment", Uint32, 24, 0, 0, 0).File(0),
            "alignment 0" => new GgufBytes().Key("general.alignment", Uint32, 0, 0, 0, 0).File(0),
            "alignment 4" => new GgufBytes().Key("general.alignment", Uint32, 4, 0, 0, 0).File(0),
            "alignment a float" => new GgufBytes().Key("general.alignment", Float32, BitConverter.GetBytes(32f)).File(0),
            "five dimensions" => new GgufBytes().Tensor("a", F32, 0, 1, 1, 1, 1, 1).File(4),
            "product overflows" => new GgufBytes().Tensor("a", F32, 0, 1UL << 32, 1UL << 32, 1UL << 32, 1UL << 32).File(4),
            "product overflows beside a zero" => new GgufBytes().Tensor("a", F32, 0, 0, 1UL << 32, 1UL << 32).File(4),
            "kind of integers" => new GgufBytes().Tensor("a", 24, 0, 4).File(4),
            "kind without a name" => new GgufBytes().Tensor("a", 4_000_000_000, 0, 4).File(4),
            "kind IQ4_XS" => new GgufBytes().Tensor("a", 23, 0, 256).File(136),
            "row of half a block" => new GgufBytes().Tensor("a", Q4_0, 0, 16, 2).File(18),
            "offset not aligned" => new GgufBytes().Tensor("a", F32, 4, 4).File(20),
            "offset beyond the end" => new GgufBytes().Tensor("a", F32, 1UL << 63, 4).File(16),
            "larger than the file" => new GgufBytes().Tensor("a", F32, 0, 1_000_000_000).File(16),
            "tensor twice" => new GgufBytes().Tensor("a", F32, 0, 4).Tensor("a", F32, 32, 4).File(48),
            "overlap" => new GgufBytes().Tensor("a", F32, 0, 16).Tensor("b", F32, 32, 16).File(96),
            "gap" => new GgufBytes().Tensor("a", F32, 0, 4).Tensor("b", F32, 64, 4).File(80),
            "does not begin at 0" => new GgufBytes().Tensor("a", F32, 32, 4).File(48),
            "truncated" => whole[..^1],
            "padded" => [.. whole, .. new byte[32]],
            "bytes after nothing" => new GgufBytes().File(1),
            _ => throw new ArgumentException(what),
        };
    }
}
