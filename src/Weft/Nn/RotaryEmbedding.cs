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
    private readonly Lazy<float[]> frequencies;

    /// <summary>Positions as a config.json describes them, in the words of today (<c>rope_parameters</c>) or before (<c>rope_theta</c>, <c>rope_scaling</c>).</summary>
    /// <param name="config">The config.</param>
    /// <param name="headWidth">d, the width of one head.</param>
    /// <exception cref="InvalidDataException">A scaling that is not one of those named, or values that it lacks or cannot use; every one is listed.</exception>
    public RotaryEmbedding(JsonObject config, long headWidth)
        : this(Reading(config, out var read), headWidth, read.Count("max_position_embeddings", 2048)) => read.Finish();

    /// <summary>The same, for a model that reads its config as a whole: what is wrong is left with the reader.</summary>
    internal RotaryEmbedding(ConfigReader read, long headWidth, long longest)
    {
        // as transformers 5: rope_scaling where it says something, and original_max_position_embeddings at the top before the one inside
        var rope = read.Part("rope_scaling", "rope_parameters");
        (width, this.longest) = (headWidth, longest);
        theta = rope.Positive("rope_theta", read.Positive("rope_theta", 10000));
        var word = rope.States("rope_type") ? "rope_type" : "type";
        kind = rope.Word(word, "default");
        rope.Require(kinds.Contains(kind), $"{word}: \"{kind}\" is none of {string.Join(", ", kinds)}");
        rope.Require(rope.Config.Count == 0 || rope.Config.Any(p => p.Value is not JsonObject), $"{rope.Config.FirstOrDefault().Key}: a rule for some layers, and here one is for all");
        var original = rope.Positive("original_max_position_embeddings", longest);
        original = read.Positive("original_max_position_embeddings", original);
        factor = kind switch
        {
            _ when kind == "default" || !kinds.Contains(kind) => 1,
            "yarn" when rope.States("factor") => rope.Positive("factor", longest / original),
            _ => rope.Positive("factor"),
        };
        var turned = rope.Positive("partial_rotary_factor", read.Positive("partial_rotary_factor", 1));
        rope.Require(kind == "default" || turned == 1, $"partial_rotary_factor: {turned}, and here all of a head is turned");
        rope.Require(kind != "dynamic" || width > 2, $"{word}: \"dynamic\" is not defined for heads of width {width}");
        var compute = kind switch
        {
            "linear" => () => [.. Plain(theta).Select(f => f / (float)factor)],
            "llama3" => Llama3(rope, original),
            "yarn" => Yarn(rope, original),
            _ => (Func<float[]>)(() => Plain(theta)),
        };
        frequencies = new Lazy<float[]>(compute); // made when they are first needed: until the tensors are there, a width of heads is only what a config claims
        AttentionFactor = kind == "yarn" ? YarnFactor(rope) : 1;
    }

    /// <summary>What cos and sin are multiplied by; 1 but for yarn.</summary>
    public double AttentionFactor { get; }

    /// <summary>What each pair turns by from one position to the next, in radians; of rows within the original length where the scaling is dynamic.</summary>
    public IReadOnlyList<float> Frequencies => frequencies.Value;

    /// <summary>cos and sin of each position's angles.</summary>
    /// <param name="positions">(batch or 1, tokens), int64.</param>
    /// <returns>Both (batch or 1, tokens, 1, d/2), float32.</returns>
    public (Tensor Cos, Tensor Sin) At(Tensor positions)
    {
        ArgumentNullException.ThrowIfNull(positions);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var f = frequencies.Value;
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
    private Func<float[]> Llama3(ConfigReader rope, double original)
    {
        var (low, high) = (rope.Positive("low_freq_factor"), rope.Positive("high_freq_factor"));
        return () => [.. Plain(theta).Select(f =>
        {
            var wavelength = 2 * Math.PI / f;
            if (wavelength > original / low) return (float)(f / factor);
            if (wavelength < original / high) return f;
            var blend = (original / wavelength - low) / (high - low);
            return (float)((1 - blend) * f / factor + blend * f);
        })];
    }

    // Dimensions that turn fast keep their frequency, slow ones are divided by the factor, with a ramp between (arXiv 2309.00071).
    private Func<float[]> Yarn(ConfigReader rope, double original)
    {
        double Dimension(double turns) => width * Math.Log(original / (turns * 2 * Math.PI)) / (2 * Math.Log(theta));
        double Turns(string key, double otherwise) => rope.NumberOrZero(key) is > 0 and var given ? given : otherwise; // 0 means the default, as in the reference
        var (low, high) = (Dimension(Turns("beta_fast", 32)), Dimension(Turns("beta_slow", 1)));
        if (rope.Flag("truncate", !rope.States("truncate"))) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, width - 1));
        if (low == high) high += 0.001; // the reference avoids the division by zero so
        return () => [.. Plain(theta).Select((f, i) =>
        {
            var ramp = Math.Clamp((i - low) / (high - low), 0, 1);
            return (float)(f / factor * ramp + f * (1 - ramp));
        })];
    }

    private double YarnFactor(ConfigReader rope)
    {
        double Scale(double mscale) => factor <= 1 ? 1 : 0.1 * mscale * Math.Log(factor) + 1;
        var (own, all) = (rope.NumberOrZero("mscale"), rope.NumberOrZero("mscale_all_dim"));
        return rope.Positive("attention_factor", own > 0 && all > 0 ? Scale(own) / Scale(all) : Scale(1));
    }

    private static ConfigReader Reading(JsonObject config, out ConfigReader read) => read = new ConfigReader(config);
}
