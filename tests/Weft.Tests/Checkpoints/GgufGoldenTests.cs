using System.Security.Cryptography;
using System.Text.Json;
using Weft.Checkpoints;

namespace Weft.Tests.Checkpoints;

public sealed class GgufGoldenTests
{
    [Fact]
    public void Every_kind_is_unpacked_to_the_bits_of_the_reference()
    {
        using var scope = NewDisposeScope();
        using var read = Checkpoint.Open(SharedData.Path("golden", "gguf", "kinds.gguf"));
        using var expected = Checkpoint.Open(SharedData.Path("golden", "gguf", "expected.safetensors"));
        using var json = JsonDocument.Parse(File.ReadAllBytes(SharedData.Path("golden", "gguf", "case.json")));
        var kinds = json.RootElement.GetProperty("kinds").EnumerateObject().ToDictionary(k => k.Name, k => k.Value.GetString()!);
        Assert.Equal(kinds.Keys.Order(StringComparer.Ordinal), read.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, kind) in kinds)
        {
            Assert.Equal(kind, read.Tensors[name].Kind);
            Assert.Equal([3L, 512], read.Tensors[name].Shape);
            Assert.True(expected.Read(name).bytes.SequenceEqual(read.Read(name).bytes), kind);
            Assert.True(expected.Read(name, bfloat16).bytes.SequenceEqual(read.Read(name, bfloat16).bytes), $"{kind} rounded to bfloat16");
            Assert.True(expected.Read(name, ScalarType.Float64).Equals(read.Read(name, ScalarType.Float64)), $"{kind} as float64");
        }
    }

    [Fact]
    public void Metadata_keeps_its_types()
    {
        using var read = Gguf.Open(SharedData.Path("golden", "gguf", "kinds.gguf"));
        Assert.Equal(3u, read.Version);
        Assert.Equal("llama", read.Metadata["general.architecture"]);
        Assert.Equal(7UL, read.Metadata["some.uint32"]);
        Assert.Equal(1.5, read.Metadata["some.float32"]);
        Assert.Equal(true, read.Metadata["some.bool"]);
        Assert.Equal(["", "é", "日本", "a\nb"], Assert.IsType<string[]>(read.Metadata["some.strings"]));
        Assert.Equal([-1, 0, int.MaxValue], Assert.IsType<long[]>(read.Metadata["some.ints"]));
        Assert.Equal([0.5, -2], Assert.IsType<double[]>(read.Metadata["some.floats"]));
    }

    [Fact]
    public void Every_tensor_of_a_real_model_has_the_bytes_of_the_reference()
    {
        using var read = Gguf.Open(SharedData.Path("assets", "smollm2-135m", "model.gguf"));
        using var json = JsonDocument.Parse(File.ReadAllBytes(SharedData.Path("golden", "smollm2", "weights.json")));
        var tensors = json.RootElement.GetProperty("tensors").EnumerateObject().Select(t => t.Value).ToArray();
        Assert.Equal(tensors.Select(t => t.GetProperty("gguf").GetString()).Order(StringComparer.Ordinal), read.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach (var expected in tensors)
        {
            using var scope = NewDisposeScope();
            var name = expected.GetProperty("gguf").GetString()!;
            Assert.Equal(expected.GetProperty("kind").GetString(), read.Tensors[name].Kind);
            Assert.Equal(expected.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64()), read.Tensors[name].Shape);
            var heads = name.EndsWith("attn_q.weight", StringComparison.Ordinal) ? "llama.attention.head_count"
                : name.EndsWith("attn_k.weight", StringComparison.Ordinal) ? "llama.attention.head_count_kv" : null;
            var value = read.Read(name);
            if (heads is not null) value = InHalves(value, (long)(ulong)read.Metadata[heads]);
            Assert.True(expected.GetProperty("sha256").GetString() == Convert.ToHexStringLower(SHA256.HashData(value.bytes)), name);
        }
    }

    // llama.cpp stores each head's rows as pairs (i, i + d/2); Hugging Face wants the first halves before the second
    private static Tensor InHalves(Tensor rows, long heads) =>
        rows.reshape(heads, rows.shape[0] / heads / 2, 2, -1).transpose(1, 2).reshape(rows.shape).contiguous();
}
