using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Models;
using Weft.Nn;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Models;

/// <summary>What the metadata of a GGUF file amount to in a config.json, on one layer of width 16 with two heads.</summary>
public sealed class LlamaGgufTests
{
    private const string Rope = "llama.rope.";
    private const string Scaling = "llama.rope.scaling.";

    [Fact]
    public void A_scaling_without_a_type_is_linear_under_both_its_keys_and_as_a_whole_number()
    {
        const string Linear = """{"rope_theta":10000,"rope_type":"linear","factor":4}""";
        Assert.Equal(Linear, RopeOf((Scaling + "factor", 4f)));
        Assert.Equal(Linear, RopeOf((Rope + "scale_linear", 4f)));
        Assert.Equal(Linear, RopeOf((Scaling + "type", "linear"), (Scaling + "factor", 4u)));
        Assert.Equal("""{"rope_theta":500000,"rope_type":"default"}""", RopeOf((Rope + "freq_base", 500000u), (Scaling + "type", "none"), (Scaling + "factor", 4f)));
        Assert.Equal("""{"rope_theta":10000,"rope_type":"default"}""", RopeOf((Scaling + "type", "linear"), (Scaling + "factor", 0f)));
        Assert.Equal("""{"rope_theta":10000,"rope_type":"yarn","factor":4,"original_max_position_embeddings":32,"beta_fast":16}""",
            RopeOf((Scaling + "type", "yarn"), (Scaling + "factor", 4f), (Scaling + "original_context_length", 32u), (Scaling + "yarn_beta_fast", 16f), (Scaling + "attn_factor", 1f)));
    }

    [Theory]
    [InlineData(4096, 8)]
    [InlineData(8192, 32)]
    [InlineData(300, 4)]
    public void Divisors_of_frequencies_are_recognised_as_those_of_llama_3_for_any_original_length(int original, int factor)
    {
        var rule = new JsonObject { ["rope_theta"] = 500000.0, ["rope_type"] = "llama3", ["factor"] = factor, ["low_freq_factor"] = 1.0, ["high_freq_factor"] = 4.0, ["original_max_position_embeddings"] = original };
        var divisors = Plain(64).Zip(new RotaryEmbedding(new JsonObject { ["rope_parameters"] = rule }, 64).Frequencies, (p, f) => p / f).ToArray();
        using var folder = new TemporaryFolder();
        using var file = Make(folder, [("llama.attention.key_length", 64u), (Rope + "freq_base", 500000f)], divisors);
        var read = file.Config["rope_parameters"]!.AsObject();
        Assert.Equal("llama3", (string?)read["rope_type"]);
        Assert.Equal(original, (long)read["original_max_position_embeddings"]!);
        Assert.Equal(factor, (double)read["factor"]!);
    }

    [Theory]
    [InlineData(Scaling + "type", "longrope", Scaling + "type: \"longrope\" for one of none, linear, yarn. Lay the model's config.json beside the file")]
    [InlineData(Scaling + "type", 1u, Scaling + "type: 1 for a word")]
    [InlineData(Scaling + "type", "linear", Scaling + "factor: missing")]
    [InlineData(Scaling + "attn_factor", 2f, Scaling + "attn_factor: 2 for 1, since config.json has no word for it. Lay the model's config.json beside the file")]
    [InlineData(Scaling + "alpha", 2f, Scaling + "alpha: 2 for nothing, since config.json has no word for it. Lay the model's config.json beside the file")]
    [InlineData(Rope + "dimension_count", 4u, Rope + "dimension_count: 4 for the width of a head, 8; heads that are turned in part are not built")]
    [InlineData(Rope + "freq_base", "10000", Rope + "freq_base: \"10000\" for a number above 0")]
    [InlineData(Rope + "freq_base", float.NaN, Rope + "freq_base: NaN for a number above 0")]
    [InlineData(Rope + "freq_base", -1f, Rope + "freq_base: -1 for a number above 0")]
    [InlineData("llama.attention.layer_norm_rms_epsilon", "1e-3", "llama.attention.layer_norm_rms_epsilon: \"1e-3\" for a number above 0")]
    [InlineData("llama.attention.layer_norm_rms_epsilon", null, "llama.attention.layer_norm_rms_epsilon: missing")]
    [InlineData("llama.attention.head_count_kv", 0u, "llama.attention.head_count_kv: 0 for a count above 0")]
    [InlineData("llama.attention.head_count_kv", new[] { 1, 2 }, "llama.attention.head_count_kv: [1, 2] for one count above 0 for all layers")]
    [InlineData("llama.attention.head_count", 2147483646u, "llama.attention.head_count: 2147483646 for a divisor of the width 16")]
    [InlineData("llama.block_count", 2000000000u, "llama.block_count: 2000000000 for the number of layers, of which there are tensors of 1")]
    [InlineData("llama.expert_count", 8u, "llama.expert_count: 8 for 0; mixtures of experts are not built")]
    [InlineData("tokenizer.ggml.bos_token_id", "1", "tokenizer.ggml.bos_token_id: \"1\" for the id of a token")]
    public void Metadata_that_no_config_says_are_refused_by_name(string key, object? value, string problem)
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, [(key, value)]);
        Assert.Equal($"{file.Path} does not describe a llama:\n  metadata {problem}", Assert.Throws<InvalidDataException>(() => file.Config).Message);
    }

    [Fact]
    public void Signed_counts_ids_and_lists_of_equal_counts_are_numbers_too()
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, [("llama.block_count", 1), ("llama.attention.head_count_kv", new[] { 2, 2 }), ("tokenizer.ggml.bos_token_id", 1), ("tokenizer.ggml.padding_token_id", -1)]);
        Assert.Equal((1L, 2L, 1L), ((long)file.Config["num_hidden_layers"]!, (long)file.Config["num_key_value_heads"]!, (long)file.Config["bos_token_id"]!));
        Assert.False(file.Config.ContainsKey("pad_token_id"));
    }

    [Theory]
    [InlineData(new[] { 1f, 1f, 1f }, "rope_freqs.weight: (3) for (4), half the width of a head")]
    [InlineData(new float[0], "rope_freqs.weight: (0) for (4), half the width of a head")]
    [InlineData(new[] { 1f, 1f, 1f, float.NaN }, "rope_freqs.weight holds what is no number above 0")]
    [InlineData(new[] { 1f, 2.5f, 1f, 2f }, "rope_freqs.weight divides the frequencies otherwise than Llama 3's rule does for any length. Lay the model's config.json beside the file")]
    public void Divisors_of_frequencies_that_no_config_says_are_refused_unless_a_config_lies_beside(float[] divisors, string problem)
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, [], divisors);
        Assert.Equal($"{file.Path} does not describe a llama:\n  {problem}", Assert.Throws<InvalidDataException>(() => file.Config).Message);
        using var beside = Make(folder, [], divisors);
        using var model = Architectures.Create(Config(), Weights.From(beside, float32), "x");
        Assert.Equal(1, model.LayerCount);
    }

    [Fact]
    public void Heads_that_the_metadata_and_a_config_beside_them_count_differently_are_refused()
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, []);
        var config = Config();
        (config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]) = (4, 4, 4);
        var error = Assert.Throws<InvalidDataException>(() => Architectures.Create(config, Weights.From(file, float32), "x"));
        Assert.EndsWith("num_attention_heads: 4, with num_key_value_heads 4; the file's rows of q and k are ordered for 2 and 2, as its metadata say", error.Message, StringComparison.Ordinal);
        using var other = Make(folder, [("llama.attention.head_count", 5u)]);
        Assert.Contains("blk.0.attn_q.weight has 16 rows, which are no 5 heads of pairs", Assert.Throws<InvalidDataException>(() => other.Read("model.layers.0.self_attn.q_proj.weight")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_tensors_of_one_name_are_refused()
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, [], null, ("model.norm.weight", [16]));
        Assert.EndsWith("tensors output_norm.weight and model.norm.weight are both model.norm.weight", Assert.Throws<InvalidDataException>(() => file.Config).Message, StringComparison.Ordinal);
    }

    private static JsonObject Config()
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, []);
        return file.Config;
    }

    private static string RopeOf(params (string, object?)[] metadata)
    {
        using var folder = new TemporaryFolder();
        using var file = Make(folder, metadata);
        return file.Config["rope_parameters"]!.ToJsonString();
    }

    private static float[] Plain(long width) => [.. new RotaryEmbedding(new JsonObject { ["rope_theta"] = 500000.0 }, width).Frequencies];

    private static LlamaGguf Make(TemporaryFolder folder, (string Key, object? Value)[] metadata, float[]? divisors = null, params (string Name, ulong[] Dimensions)[] more)
    {
        var values = new Dictionary<string, object?>
        {
            ["general.architecture"] = "llama",
            ["llama.block_count"] = 1u,
            ["llama.context_length"] = 64u,
            ["llama.feed_forward_length"] = 24u,
            ["llama.attention.head_count"] = 2u,
            ["llama.attention.layer_norm_rms_epsilon"] = 1e-5f,
        };
        foreach (var (key, value) in metadata) values[key] = value;
        var file = new GgufBytes();
        foreach (var (key, value) in values)
            _ = value switch
            {
                string text => file.Key(key, text),
                uint number => file.Key(key, number),
                int number => file.Key(key, 5, BitConverter.GetBytes(number)),
                float number => file.Key(key, 6, BitConverter.GetBytes(number)),
                int[] list => file.Key(key, 9, [.. BitConverter.GetBytes(5u), .. BitConverter.GetBytes((ulong)list.Length), .. list.SelectMany(BitConverter.GetBytes)]),
                _ => file,
            };
        using var data = new MemoryStream();
        void Add(string name, byte[] bytes, params ulong[] dimensions)
        {
            file.Tensor(name, kind: 0, (ulong)data.Length, dimensions);
            data.Write(bytes);
            data.Write(new byte[(32 - data.Length % 32) % 32]);
        }

        (string Name, ulong[] Dimensions)[] tensors =
        [
            ("token_embd.weight", [16, 10]), ("output_norm.weight", [16]), ("blk.0.attn_norm.weight", [16]), ("blk.0.ffn_norm.weight", [16]),
            ("blk.0.attn_q.weight", [16, 16]), ("blk.0.attn_k.weight", [16, 16]), ("blk.0.attn_v.weight", [16, 16]), ("blk.0.attn_output.weight", [16, 16]),
            ("blk.0.ffn_gate.weight", [16, 24]), ("blk.0.ffn_up.weight", [16, 24]), ("blk.0.ffn_down.weight", [24, 16]), .. more,
        ];
        foreach (var (name, dimensions) in tensors) Add(name, new byte[4 * dimensions.Aggregate(1, (n, d) => n * (int)d)], dimensions);
        if (divisors is not null) Add("rope_freqs.weight", [.. divisors.SelectMany(BitConverter.GetBytes)], (ulong)divisors.Length);
        var path = folder.File($"{Guid.NewGuid():n}.gguf");
        File.WriteAllBytes(path, file.File(data.ToArray()));
        return (LlamaGguf)Architectures.FromGguf(Gguf.Open(path));
    }
}
