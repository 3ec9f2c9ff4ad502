using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Models;
using Weft.Nn;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Models;

/// <summary>What a config and a checkpoint must say of each other, on one layer of width 8.</summary>
public sealed class LlamaConfigTests
{
    private const string Config = """
        {"model_type": "llama", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 10}
        """;

    [Theory]
    [InlineData("""{"hidden_size": "64"}""", "hidden_size: \"64\" for a count above 0 and below 2³¹")]
    [InlineData("""{"num_attention_heads": 3, "num_key_value_heads": 3}""", "hidden_size: 8 is no multiple of num_attention_heads 3, and head_dim is not stated")]
    [InlineData("""{"num_hidden_layers": 4294967297}""", "num_hidden_layers: 4294967297 for a count above 0 and below 2³¹")]
    [InlineData("""{"num_hidden_layers": 2000000000}""", "num_hidden_layers: 2000000000, and the tensors are of 1 (model.layers.N)")]
    [InlineData("""{"num_hidden_layers": 1.0, "head_dim": 1e15}""", "head_dim: 1e15 for a count above 0 and below 2³¹|num_hidden_layers: 1.0 for a count above 0 and below 2³¹")]
    [InlineData("""{"rms_norm_eps": -1, "hidden_act": "tanh"}""", "rms_norm_eps: -1 for a number above 0|hidden_act: \"tanh\" is none of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish")]
    [InlineData("""{"vocab_size": 0, "rope_scaling": {"type": "linear"}}""", "vocab_size: 0 for a count above 0 and below 2³¹|rope_scaling.factor: missing")]
    [InlineData("""{"model_type": "mistral", "sliding_window": 0}""", "sliding_window: 0 for a count above 0 and below 2³¹, or null for none")]
    [InlineData("""{"model_type": "mistral", "sliding_window": -1}""", "sliding_window: -1 for a count above 0 and below 2³¹, or null for none")]
    [InlineData("""{"model_type": "mistral", "sliding_window": "4", "num_attention_heads": 4}""", "sliding_window: \"4\" for a count above 0 and below 2³¹, or null for none")]
    public void What_is_wrong_with_a_config_is_listed_with_the_folder_it_comes_from(string changes, string problems)
    {
        using var folder = new TemporaryFolder();
        using var file = Write(folder);
        var error = Assert.Throws<InvalidDataException>(() => Architectures.Create(Changed(changes), Weights.From(file, float32), "x"));
        Assert.Equal($"The config of {folder.Path} does not describe a model:\n  {problems.Replace("|", "\n  ", StringComparison.Ordinal)}", error.Message);
    }

    [Fact]
    public void A_width_of_heads_that_no_tensor_has_is_refused_by_the_shapes_before_anything_is_made_of_it()
    {
        using var folder = new TemporaryFolder();
        using var file = Write(folder);
        var error = Assert.Throws<InvalidDataException>(() => Architectures.Create(Changed("""{"head_dim": 2147483646}"""), Weights.From(file, float32), "x"));
        Assert.Contains("model.layers.0.self_attn.q_proj.weight: (8, 8) for (4294967292, 8)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_tensors_are_listed_up_to_a_number()
    {
        using var folder = new TemporaryFolder();
        using var file = Write(folder, w => w.Where(t => !t.Name.Contains(".mlp.", StringComparison.Ordinal)).Append(("model.layers.39.mlp.down_proj.weight", zeros(8, 12))));
        var error = Assert.Throws<InvalidDataException>(() => Architectures.Create(Changed("""{"num_hidden_layers": 40}"""), Weights.From(file, float32), "x"));
        Assert.Contains("\n  model.layers.1.input_layernorm.weight: missing", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("\n  and 303 more", error.Message, StringComparison.Ordinal); // of 3 in the first layer, 38 · 9 in those between and 8 in the last, 50 are shown
    }

    [Fact]
    public void Weights_that_are_not_floating_point_numbers_are_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        using var file = Write(folder, w => w.Select(t => t.Name switch
        {
            "lm_head.weight" => (t.Name, t.Value.to(int8)),
            "model.norm.weight" => (t.Name, t.Value.to(ScalarType.Bool)),
            _ => t,
        }));
        var error = Assert.Throws<InvalidDataException>(() => Architectures.Create(Changed("{}"), Weights.From(file, float32), "x"));
        Assert.Equal($"{folder.Path} does not hold the tensors its config describes:\n  model.norm.weight: stored as BOOL, and weights are floating-point numbers\n  lm_head.weight: stored as I8, and weights are floating-point numbers", error.Message);
    }

    [Theory, InlineData(true), InlineData(false)]
    public void A_head_beside_a_tied_embedding_is_tied_where_it_repeats_it(bool equal)
    {
        using var folder = new TemporaryFolder();
        using var file = Write(folder, w => w.Select(t => t.Name == "lm_head.weight" ? (t.Name, w.First(e => e.Name == "model.embed_tokens.weight").Value + (equal ? 0 : 1)) : t));
        using var model = Architectures.Create(Changed("""{"tie_word_embeddings": true}"""), Weights.From(file, float32), "x");
        Assert.Equal(equal, model.Tensors.Single(t => t.Key == "lm_head.weight").TiedTo is not null);
    }

    [Fact]
    public void Mistral_has_eight_key_value_heads_where_none_are_stated_and_no_biases()
    {
        var config = Changed("""{"model_type": "mistral", "num_attention_heads": 16, "hidden_size": 64, "attention_bias": true, "mlp_bias": true}""");
        config.Remove("num_key_value_heads");
        using var model = Architectures.Create(config, Weights.Random(0.1), "x");
        Assert.Equal([32, 64], model.Tensors.Single(t => t.Key == "model.layers.0.self_attn.k_proj.weight").Shape);
        Assert.DoesNotContain(model.Tensors, t => t.Key.EndsWith(".bias", StringComparison.Ordinal));
        Assert.Equal(131072, model.ContextLength);
        config["num_key_value_heads"] = null;
        using var stated = Architectures.Create(config, Weights.Random(0.1), "x");
        Assert.Equal([64, 64], stated.Tensors.Single(t => t.Key == "model.layers.0.self_attn.k_proj.weight").Shape);
    }

    [Fact]
    public void The_gate_has_the_activation_that_the_config_names()
    {
        using var scope = NewDisposeScope();
        var logits = new[] { "silu", "swish", "relu" }.Select(act =>
        {
            random.manual_seed(1);
            using var model = Architectures.Create(Changed($$"""{"hidden_act": "{{act}}"}"""), Weights.Random(0.5), "x");
            return model.Probe();
        }).ToList();
        Closeness.Check("swish", logits[1], logits[0], 0);
        Assert.False(logits[2].allclose(logits[0]));
    }

    private static JsonObject Changed(string changes)
    {
        var config = JsonNode.Parse(Config)!.AsObject();
        foreach (var (key, value) in JsonNode.Parse(changes)!.AsObject()) config[key] = value?.DeepClone();
        return config;
    }

    private static Checkpoint Write(TemporaryFolder folder, Func<IReadOnlyList<(string Name, Tensor Value)>, IEnumerable<(string, Tensor)>>? change = null)
    {
        using var scope = NewDisposeScope();
        using var model = Architectures.Create(Changed("{}"), Weights.Random(0.1), "x");
        IReadOnlyList<(string, Tensor)> tensors = [.. model.Tensors.Select(t => (t.Key, t.Pretrained))];
        Safetensors.Write(folder.File("model.safetensors"), change?.Invoke(tensors) ?? tensors);
        return Checkpoint.Open(folder.Path);
    }
}
