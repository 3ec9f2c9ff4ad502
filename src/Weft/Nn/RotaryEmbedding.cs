using System.Globalization;
using System.Text.Json.Nodes;

namespace Weft.Nn;

/// <summary>Rotary positions: each pair (i, i + d/2) of a head turns by position · frequency i.</summary>
/// <remarks>Su et al., arXiv 2104.09864; scalings as transformers/modeling_rope_utils.py computes them: default, linear, dynamic, yarn, llama3. All in float32, as there.</remarks>
public sealed class RotaryEmbedding
{
    private static readonly string[] kinds = ["default", "linear", "dynamic", "yarn", "llama3"];
    private readonly long width;
    private readonly double theta, factor, longest;
    private readonly string kind;
    private readonly float[] frequencies;

    /// <summary>Positions as a config.json describes them, in the words of today (<c>rope_parameters</c>) or before (<c>rope_theta</c>, <c>rope_scaling</c>).</summary>
    /// <param name="config">The config.</param>
    /// <param name="headWidth">d, the width of one head.</param>
    /// <exception cref="NotSupportedException">A scaling that is not one of those named.</exception>
    public RotaryEmbedding(JsonObject config, long headWidth)
    {
        ArgumentNullException.ThrowIfNull(config);
        var rope = config["rope_parameters"] as JsonObject ?? config["rope_scaling"] as JsonObject ?? [];
        width = headWidth;
        theta = Number(rope, "rope_theta") ?? Number(config, "rope_theta") ?? 10000;
        kind = (string?)(rope["rope_type"] ?? rope["type"]) ?? "default";
        factor = Number(rope, "factor") ?? 1;
        longest = Number(config, "max_position_embeddings") ?? 2048;
        if (!kinds.Contains(kind)) throw new NotSupportedException($"rope_type \"{kind}\" is none of {string.Join(", ", kinds)}.");
        frequencies = kind switch
        {
            "linear" => [.. Plain(theta).Select(f => f / (float)factor)],
            "llama3" => Llama3(rope),
            "yarn" => Yarn(rope),
            _ => Plain(theta),
        };
        AttentionFactor = kind == "yarn" ? YarnFactor(rope) : 1;
    }

    /// <summary>What cos and sin are multiplied by; 1 but for yarn.</summary>
    public double AttentionFactor { get; }

    /// <summary>What each pair turns by from one position to the next, in radians; of rows within the original length where the scaling is dynamic.</summary>
    public IReadOnlyList<float> Frequencies => frequencies;

    /// <summary>cos and sin of each position's angles.</summary>
    /// <param name="positions">(batch or 1, tokens), int64.</param>
    /// <returns>Both (batch or 1, tokens, 1, d/2), float32.</returns>
    public (Tensor Cos, Tensor Sin) At(Tensor positions)
    {
        ArgumentNullException.ThrowIfNull(positions);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var f = frequencies;
        if (kind == "dynamic")
        {
            var length = positions.max().item<long>() + 1;
            if (length > longest) f = Plain(theta * Math.Pow(factor * length / longest - (factor - 1), width / (width - 2.0)));
        }
        var angles = positions.to(ScalarType.Float32).unsqueeze(-1) * tensor(f);
        return (angles.cos().mul_(AttentionFactor).unsqueeze(2).MoveToOuterDisposeScope(), angles.sin().mul_(AttentionFactor).unsqueeze(2).MoveToOuterDisposeScope());
    }

    /// <summary>Turns the heads.</summary>
    /// <param name="x">(batch, tokens, heads, d)</param>
    /// <param name="cos">(batch or 1, tokens, 1, d/2)</param>
    /// <param name="sin">(batch or 1, tokens, 1, d/2)</param>
    /// <returns>(batch, tokens, heads, d)</returns>
    public static Tensor Turn(Tensor x, Tensor cos, Tensor sin)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = NewDisposeScope();
        var halves = x.chunk(2, -1);
        return cat([halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin], -1).MoveToOuterDisposeScope();
    }

    private float[] Plain(double start)
    {
        using var scope = NewDisposeScope();
        var exponents = arange(0, width, 2, dtype: float32) / (double)width;
        return [.. (1.0 / pow(tensor((float)start), exponents)).data<float>()];
    }

    // Wavelengths above one bound are divided by the factor, those below another stay, and between the two it is blended.
    private float[] Llama3(JsonObject rope)
    {
        var low = Required(rope, "low_freq_factor");
        var high = Required(rope, "high_freq_factor");
        var original = Number(rope, "original_max_position_embeddings") ?? longest;
        return [.. Plain(theta).Select(f =>
        {
            var wavelength = 2 * Math.PI / f;
            if (wavelength > original / low) return (float)(f / factor);
            if (wavelength < original / high) return f;
            var blend = (original / wavelength - low) / (high - low);
            return (float)((1 - blend) * f / factor + blend * f);
        })];
    }

    // Dimensions that turn fast keep their frequency, slow ones are divided by the factor, with a ramp between (arXiv 2309.00071).
    private float[] Yarn(JsonObject rope)
    {
        var original = Number(rope, "original_max_position_embeddings") ?? longest;
        double Dimension(double turns) => width * Math.Log(original / (turns * 2 * Math.PI)) / (2 * Math.Log(theta));
        var (low, high) = (Dimension(Number(rope, "beta_fast") ?? 32), Dimension(Number(rope, "beta_slow") ?? 1));
        if ((bool?)rope["truncate"] ?? true) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, width - 1));
        if (low == high) high += 0.001; // the reference avoids the division by zero so
        return [.. Plain(theta).Select((f, i) =>
        {
            var ramp = Math.Clamp((i - low) / (high - low), 0, 1);
            return (float)(f / factor * ramp + f * (1 - ramp));
        })];
    }

    private double YarnFactor(JsonObject rope)
    {
        double Scale(double mscale) => factor <= 1 ? 1 : 0.1 * mscale * Math.Log(factor) + 1;
        if (Number(rope, "attention_factor") is { } given) return given;
        return Number(rope, "mscale") is { } own and not 0 && Number(rope, "mscale_all_dim") is { } all and not 0 ? Scale(own) / Scale(all) : Scale(1);
    }

    private double Required(JsonObject rope, string key) => Number(rope, key) ?? throw new InvalidDataException($"rope_type \"{kind}\" needs {key}, which the config does not state.");

    private static double? Number(JsonObject node, string key) => node[key] is JsonValue value ? double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture) : null; // an int made in code does not read as a double
}
