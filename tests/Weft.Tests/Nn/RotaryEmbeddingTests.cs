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

    [Theory]
    [InlineData("llama3")]
    [InlineData("yarn")]
    public void The_original_length_at_the_top_comes_before_the_one_inside(string kind)
    {
        JsonObject Rope(double original) => new() { ["rope_type"] = kind, ["factor"] = 4.0, ["low_freq_factor"] = 1.0, ["high_freq_factor"] = 4.0, ["original_max_position_embeddings"] = original };
        var above = Scaled(Rope(32));
        above["original_max_position_embeddings"] = 64;
        Assert.Equal(Read(Scaled(Rope(64))).Frequencies, Read(above).Frequencies);
        Assert.NotEqual(Read(Scaled(Rope(32))).Frequencies, Read(above).Frequencies);
    }

    [Fact]
    public void Rope_scaling_comes_before_rope_parameters_unless_it_is_empty()
    {
        var config = new JsonObject { ["rope_scaling"] = new JsonObject { ["type"] = "linear", ["factor"] = 2 }, ["rope_parameters"] = new JsonObject { ["rope_type"] = "linear", ["factor"] = 4.0 } };
        Same(config, [.. Plain(Theta).Select(f => f / 2)], 1);
        config["rope_scaling"] = new JsonObject();
        Same(config, [.. Plain(Theta).Select(f => f / 4)], 1);
    }

    [Fact]
    public void A_yarn_factor_of_null_is_the_longest_length_by_the_original_one_and_betas_of_zero_are_the_usual_ones()
    {
        JsonObject Rope(double? factor, double? fast, double? slow) =>
            Scaled(new JsonObject { ["rope_type"] = "yarn", ["factor"] = factor, ["original_max_position_embeddings"] = 64, ["beta_fast"] = fast, ["beta_slow"] = slow });
        var (derived, stated) = (Read(Rope(null, 0, 0)), Read(Rope(256.0 / 64, 32, 1)));
        Assert.Equal(stated.Frequencies, derived.Frequencies);
        Assert.Equal(stated.AttentionFactor, derived.AttentionFactor);
    }

    [Theory]
    [InlineData("""{"rope_parameters": {"rope_type": "spiral"}}""", "rope_parameters.rope_type: \"spiral\" is none of default, linear, dynamic, yarn, llama3")]
    [InlineData("""{"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}""", "rope_scaling.low_freq_factor: missing|rope_scaling.high_freq_factor: missing")]
    [InlineData("""{"rope_scaling": {"type": "linear"}}""", "rope_scaling.factor: missing")]
    [InlineData("""{"rope_scaling": {"type": "dynamic"}}""", "rope_scaling.factor: missing")]
    [InlineData("""{"rope_scaling": {"type": "yarn"}}""", "rope_scaling.factor: missing")]
    [InlineData("""{"rope_scaling": {"type": "linear", "factor": "4.0"}}""", "rope_scaling.factor: \"4.0\" for a number above 0")]
    [InlineData("""{"rope_scaling": {"type": "linear", "factor": 0}}""", "rope_scaling.factor: 0 for a number above 0")]
    [InlineData("""{"rope_scaling": {"type": "linear", "factor": 2, "partial_rotary_factor": 0.5}}""", "rope_scaling.partial_rotary_factor: 0.5, and here all of a head is turned")]
    [InlineData("""{"rope_scaling": {"type": "yarn", "factor": 2, "truncate": "no", "beta_fast": -1}}""", "rope_scaling.beta_fast: -1 for a number of at least 0|rope_scaling.truncate: \"no\" for true or false")]
    [InlineData("""{"rope_scaling": {"rope_type": null, "factor": 2}}""", "rope_scaling.rope_type: null for a word")]
    [InlineData("""{"rope_scaling": {"rope_type": 3}, "rope_theta": true}""", "rope_theta: true for a number above 0|rope_scaling.rope_type: 3 for a word")]
    [InlineData("""{"rope_scaling": "linear", "rope_theta": 0}""", "rope_scaling: \"linear\" for an object|rope_theta: 0 for a number above 0")]
    [InlineData("""{"rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0}}}""", "rope_parameters.full_attention: a rule for some layers, and here one is for all")]
    public void What_is_unknown_missing_or_of_the_wrong_kind_is_named_all_at_once(string config, string problems)
    {
        var error = Assert.Throws<InvalidDataException>(() => Read(JsonNode.Parse(config)!.AsObject()));
        Assert.Equal($"The config does not describe a model:\n  {problems.Replace("|", "\n  ", StringComparison.Ordinal)}", error.Message);
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
