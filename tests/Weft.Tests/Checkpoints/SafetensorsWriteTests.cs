using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Weft.Checkpoints;

namespace Weft.Tests.Checkpoints;

public sealed class SafetensorsWriteTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<string, string> Adapters() =>
        new(from part in new[] { "peft", "wegeft", "methods-a", "methods-b", "smollm2" }
            from name in SharedData.Cases("golden", part)
            where AdapterFiles(SharedData.Path("golden", part, name)).Length > 0
            select (part, name));

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(Adapters))]
    public void An_adapter_of_the_reference_read_and_written_gives_equal_bytes(string part, string name)
    {
        var place = SharedData.Path("golden", part, name);
        foreach (var file in AdapterFiles(place))
        {
            using var scope = NewDisposeScope();
            using var read = Safetensors.Open(file);
            var written = folder.File("adapter_model.safetensors");
            Safetensors.Write(written, read.Tensors.Keys.Select(key => (key, read.Read(key))));
            var bytes = File.ReadAllBytes(written);
            Assert.True(File.ReadAllBytes(file).AsSpan().SequenceEqual(bytes), file);
            if (Path.GetDirectoryName(file) == Path.Combine(place, "adapter") && StatedHash(place) is { } hash)
                Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(bytes)));
        }
    }

    [Fact]
    public void Types_stand_in_the_order_of_the_reference_and_names_in_the_order_of_their_bytes()
    {
        using var scope = NewDisposeScope();
        var path = folder.File("a.safetensors");
        ScalarType[] types = [ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Float16, ScalarType.BFloat16,
            ScalarType.Int32, ScalarType.Float32, ScalarType.ComplexFloat32, ScalarType.Float64, ScalarType.Int64];
        Safetensors.Write(path, types.Select((type, i) => ($"t{i:d2}", zeros([1], type)))
            .Concat([("é", zeros(1)), ("z", zeros(1)), ("Z", zeros(1)), ("\U0001F600", zeros(1)), ("\uFFFD", zeros(1))]));
        using var read = Safetensors.Open(path);
        Assert.Equal(["t10", "t09", "t08", "Z", "t07", "z", "é", "\uFFFD", "\U0001F600", "t06", "t05", "t04", "t03", "t02", "t01", "t00"], read.Tensors.Keys);
        Assert.Equal(["I64", "F64", "C64", "F32", "F32", "F32", "F32", "F32", "F32", "I32", "BF16", "F16", "I16", "I8", "U8", "BOOL"], read.Tensors.Values.Select(e => e.Kind));
    }

    [Fact]
    public void The_header_is_compact_padded_to_eight_bytes_and_escapes_as_the_reference_does()
    {
        using var scope = NewDisposeScope();
        var path = folder.File("a.safetensors");
        Safetensors.Write(path, [("a\"\\/\b\t\n\f\r\u0001\u001f\u007fé<日", arange(6, float32).reshape(2, 3))], new Dictionary<string, string> { ["format"] = "pt", ["k"] = "\"" });
        var bytes = File.ReadAllBytes(path);
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Assert.Equal(0, length % 8);
        Assert.Equal("""{"__metadata__":{"format":"pt","k":"\""},"a\"\\/\b\t\n\f\r\u0001\u001f""" + "\u007fé<日\"" + """:{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}""",
            Encoding.UTF8.GetString(bytes, 8, length).TrimEnd(' '));
        Assert.Equal(8 + length + 24, bytes.Length);
    }

    [Fact]
    public void Without_tensors_and_metadata_the_file_is_an_empty_object()
    {
        var path = folder.File("a.safetensors");
        Safetensors.Write(path, [], new Dictionary<string, string>());
        Assert.Equal("\b\0\0\0\0\0\0\0{}      ", File.ReadAllText(path));
        using var read = Safetensors.Open(path);
        Assert.Empty(read.Tensors);
        Assert.Empty(read.Metadata);
    }

    [Fact]
    public void Parameters_views_and_transposed_tensors_are_written_as_their_numbers_stand()
    {
        using var scope = NewDisposeScope();
        var path = folder.File("a.safetensors");
        var whole = arange(12, float32).reshape(3, 4);
        var complex = torch.complex(arange(2, float32), ones(2)).conj();
        Safetensors.Write(path, [("p", new Parameter(ones(2))), ("t", whole.t()), ("v", whole[1]), ("s", tensor(3.5)), ("e", zeros(0, 4)), ("c", complex)]);
        using var read = Safetensors.Open(path);
        Assert.True(read.Read("t").Equals(whole.t()) && read.Read("v").Equals(whole[1]) && read.Read("p").Equals(ones(2)));
        Assert.Equal([4L, 3], read.Tensors["t"].Shape);
        Assert.Equal(3.5, read.Read("s").item<double>());
        Assert.Equal([0L, 4], read.Read("e").shape);
        Assert.True(read.Read("c").Equals(complex.resolve_conj()));
    }

    [Fact]
    public void What_cannot_be_written_is_listed_together_and_leaves_no_file()
    {
        using var scope = NewDisposeScope();
        var path = folder.File("a.safetensors");
        var error = Assert.Throws<ArgumentException>(() => Safetensors.Write(path,
            [("a", zeros(1)), ("a", zeros(1)), ("__metadata__", zeros(1)), ("x\ud800", zeros(1)), ("z", zeros([1], ScalarType.ComplexFloat64))]));
        Assert.Contains("\"a\" is given twice", error.Message);
        Assert.Contains("\"__metadata__\" is not a name for a tensor", error.Message);
        Assert.Contains("holds half of a surrogate pair", error.Message);
        Assert.Contains("\"z\" is ComplexFloat64, which the format has no type for; convert it to one of Int64, Float64,", error.Message);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Whatever_is_written_is_read_again()
    {
        var path = folder.File("a.safetensors");
        ScalarType[] types = [ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64, ScalarType.Float32, ScalarType.Float64];
        Prop.ForAll((NonEmptyString[] names, byte[] sizes, byte[] numbers) =>
        {
            using var scope = NewDisposeScope();
            var tensors = names.Select(n => n.Get).Where(n => n != "__metadata__" && Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(n)) == n).Distinct(StringComparer.Ordinal)
                .Select((name, i) => (name, Value: Made(i, sizes, numbers, types))).ToArray();
            Safetensors.Write(path, tensors);
            using var read = Safetensors.Open(path);
            Assert.Equal(tensors.Length, read.Tensors.Count);
            foreach (var (name, value) in tensors)
            {
                var back = read.Read(name);
                Assert.Equal(value.shape, back.shape);
                Assert.Equal(value.dtype, back.dtype);
                Assert.True(value.bytes.SequenceEqual(back.bytes));
            }
        }).QuickCheckThrowOnFailure();
    }

    private static string[] AdapterFiles(string place) => Directory.GetFiles(place, "adapter_model.safetensors", SearchOption.AllDirectories);

    private static Tensor Made(int i, byte[] sizes, byte[] numbers, ScalarType[] types)
    {
        var shape = sizes.Skip(i).Take(i % 4).Select(s => (long)s % 5).ToArray();
        var made = numbers.Length == 0 ? zeros(1) : tensor(numbers.Select(n => (long)n).ToArray());
        var count = (int)shape.Aggregate(1L, (a, b) => a * b);
        return made.repeat(count + 1)[..count].reshape(shape).to(types[i % types.Length]);
    }

    private static string? StatedHash(string place)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(place, "case.json")));
        return json.RootElement.TryGetProperty("adapter", out var adapter) && adapter.ValueKind == JsonValueKind.Object && adapter.TryGetProperty("sha256", out var hash) ? hash.GetString() : null;
    }
}
