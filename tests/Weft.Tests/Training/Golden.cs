using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Weft.Tests.Training;

/// <summary>Reference tensors and rules of golden/text/optimisation.</summary>
internal static class Golden
{
    public static JsonElement Json(params string[] parts)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(SharedData.Path(["golden", "text", "optimisation", .. parts])));
        return document.RootElement.Clone();
    }

    public static Dictionary<string, Tensor> Tensors(params string[] parts)
    {
        var bytes = File.ReadAllBytes(SharedData.Path(["golden", "text", "optimisation", .. parts]));
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var document = JsonDocument.Parse(Encoding.UTF8.GetString(bytes, 8, header));
        var tensors = new Dictionary<string, Tensor>();
        foreach (var entry in document.RootElement.EnumerateObject().Where(e => e.Name != "__metadata__"))
        {
            var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(s => s.GetInt64()).ToArray();
            var offsets = entry.Value.GetProperty("data_offsets").EnumerateArray().Select(s => s.GetInt32()).ToArray();
            var type = entry.Value.GetProperty("dtype").GetString() == "I64" ? int64 : float32;
            var tensor = zeros(shape, dtype: type);
            bytes.AsSpan(8 + header + offsets[0], offsets[1] - offsets[0]).CopyTo(tensor.bytes);
            tensors[entry.Name] = tensor;
        }
        return tensors;
    }

    /// <summary>A JSON number, or "Infinity" or "NaN" as a string.</summary>
    public static double Number(JsonElement value) => value.ValueKind == JsonValueKind.String ? double.Parse(value.GetString()!) : value.GetDouble();

    public static void SameBits(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(expected.detach().bytes.SequenceEqual(actual.detach().bytes), "the bits differ");
    }

    /// <summary>Differences count relative to the largest absolute value of the expected tensor; NaN equals NaN.</summary>
    public static void Close(Tensor expected, Tensor actual, double tolerance, string what)
    {
        using var scope = NewDisposeScope();
        var (e, a) = (expected.detach().to(float64), actual.detach().to(float64));
        Assert.True(e.shape.SequenceEqual(a.shape), what);
        Assert.True(e.isnan().eq(a.isnan()).all().item<bool>(), $"{what}: NaN in other places");
        if (e.numel() == 0) return;
        (e, a) = (e.nan_to_num(0), a.nan_to_num(0));
        var largest = e.abs().max().item<double>();
        var difference = (e - a).abs().max().item<double>();
        Assert.True(difference <= tolerance * largest, $"{what}: {difference} beside {largest}, allowed {tolerance} of it");
    }
}
