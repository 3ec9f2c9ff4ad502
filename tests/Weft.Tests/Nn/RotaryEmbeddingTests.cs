using System.Text.Json.Nodes;
using Weft.Nn;

namespace Weft.Tests.Nn;

/// <summary>cos and sin against the formulas in double, to 2e-6 and 2e-6 of the angle: its own rounding in float32.</summary>
public sealed class RotaryEmbeddingTests
{
    private const int Width = 16;
    private const double Theta = 10000;

    [Fact]
    public void Plain_frequencies_fall_by_powers_of_theta() => Same(new JsonObject { ["rope_theta"] = Theta }, Plain(Theta), 1);

    [Fact]
    public void Linear_scaling_divides_all_frequencies() =>
        Same(new JsonObject { ["rope_theta"] = Theta, ["rope_scaling"] = new JsonObject { ["type"] = "linear", ["factor"] = 4.0 } }, [.. Plain(Theta).Select(f => f / 4)], 1);

    [Fact]
    public void Dynamic_scaling_grows_the_base_with_rows_longer_than_the_model_was_made_for()
    {
        var config = new JsonObject { ["rope_theta"] = Theta, ["max_position_embeddings"] = 64, ["rope_scaling"] = new JsonObject { ["rope_type"] = "dynamic", ["factor"] = 2.0 } };
        Same(config, Plain(Theta), 1, length: 64);
        Same(config, Plain(Theta * Math.Pow(2.0 * 100 / 64 - 1, Width / (Width - 2.0))), 1, length: 100);
    }

    [Fact]
    public void Llama3_scaling_leaves_short_waves_divides_long_ones_and_blends_between()
    {
        var (factor, low, high, original) = (8.0, 1.0, 4.0, 64.0);
        var expected = Plain(Theta).Select(f =>
        {
            var wave = 2 * Math.PI / f;
            var smooth = (original / wave - low) / (high - low);
            return wave < original / high ? f : wave > original / low ? f / factor : (1 - smooth) * f / factor + smooth * f;
        }).ToArray();
        Assert.Contains(expected.Zip(Plain(Theta)), p => p.First == p.Second);
        Assert.Contains(expected.Zip(Plain(Theta)), p => p.First == p.Second / factor);
        Assert.Contains(expected.Zip(Plain(Theta)), p => p.First > p.Second / factor && p.First < p.Second);
        Same(Scaled(new JsonObject { ["rope_type"] = "llama3", ["factor"] = factor, ["low_freq_factor"] = low, ["high_freq_factor"] = high, ["original_max_position_embeddings"] = original }), expected, 1);
    }

    [Fact]
    public void Yarn_ramps_over_the_dimensions_and_scales_cos_and_sin()
    {
        var (factor, original) = (4.0, 64.0);
        double Dimension(double turns) => Width * Math.Log(original / (turns * 2 * Math.PI)) / (2 * Math.Log(Theta));
        var (low, high) = (Math.Max(Math.Floor(Dimension(32)), 0), Math.Min(Math.Ceiling(Dimension(1)), Width - 1));
        var expected = Plain(Theta).Select((f, i) =>
        {
            var interpolated = Math.Clamp((i - low) / (high - low), 0, 1);
            return f * (1 - interpolated) + f / factor * interpolated;
        }).ToArray();
        Same(Scaled(new JsonObject { ["rope_type"] = "yarn", ["factor"] = factor, ["original_max_position_embeddings"] = original }), expected, 0.1 * Math.Log(factor) + 1);
        Same(Scaled(new JsonObject { ["rope_type"] = "yarn", ["factor"] = factor, ["original_max_position_embeddings"] = original, ["attention_factor"] = 1.5 }), expected, 1.5);
    }

    [Fact]
    public void A_turn_rotates_the_two_halves_of_a_head_and_keeps_its_length()
    {
        using var scope = NewDisposeScope();
        var rotary = new RotaryEmbedding(new JsonObject { ["rope_theta"] = Theta }, Width);
        var x = randn(2, 5, 3, Width);
        var (cos, sin) = rotary.At(arange(5, dtype: int64).unsqueeze(0));
        var turned = RotaryEmbedding.Turn(x, cos, sin);
        Closeness.Check("length", turned.norm(-1), x.norm(-1), 1e-6);
        Closeness.Check("equal", turned.select(1, 0), x.select(1, 0), 0);
        var (a, b, angle) = (x[1, 3, 2, 1].item<float>(), x[1, 3, 2, 1 + Width / 2].item<float>(), 3 * Plain(Theta)[1]);
        Assert.Equal(a * Math.Cos(angle) - b * Math.Sin(angle), turned[1, 3, 2, 1].item<float>(), 1e-5);
        Assert.Equal(b * Math.Cos(angle) + a * Math.Sin(angle), turned[1, 3, 2, 1 + Width / 2].item<float>(), 1e-5);
    }

    [Fact]
    public void What_is_unknown_or_missing_is_named()
    {
        var unknown = Assert.Throws<NotSupportedException>(() => Read(Scaled(new JsonObject { ["rope_type"] = "spiral" })));
        Assert.Equal("rope_type \"spiral\" is none of default, linear, dynamic, yarn, llama3.", unknown.Message);
        var missing = Assert.Throws<InvalidDataException>(() => Read(Scaled(new JsonObject { ["rope_type"] = "llama3", ["factor"] = 8.0 })));
        Assert.Equal("rope_type \"llama3\" needs low_freq_factor, which the config does not state.", missing.Message);
    }

    private static JsonObject Scaled(JsonObject rope)
    {
        rope["rope_theta"] = Theta;
        return new JsonObject { ["max_position_embeddings"] = 256, ["rope_parameters"] = rope };
    }

    private static RotaryEmbedding Read(JsonObject config) => new(JsonNode.Parse(config.ToJsonString())!.AsObject(), Width);

    private static double[] Plain(double theta) => [.. Enumerable.Range(0, Width / 2).Select(i => Math.Pow(theta, -2.0 * i / Width))];

    private static void Same(JsonObject config, double[] frequencies, double scale, int length = 40)
    {
        using var scope = NewDisposeScope();
        var rotary = Read(config);
        var (cos, sin) = rotary.At(arange(length, dtype: int64).unsqueeze(0));
        Assert.Equal(scale, rotary.AttentionFactor, 1e-12);
        for (var t = 0; t < length; t++)
            for (var i = 0; i < Width / 2; i++)
            {
                var tolerance = 2e-6 * (1 + t * frequencies[i]);
                Assert.Equal(scale * Math.Cos(t * frequencies[i]), cos[0, t, 0, i].item<float>(), tolerance);
                Assert.Equal(scale * Math.Sin(t * frequencies[i]), sin[0, t, 0, i].item<float>(), tolerance);
            }
    }
}
