using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Models;
using Weft.Nn;

namespace Weft.Tests.Methods;

/// <summary>A tiny random llama: two layers, grouped queries (k and v narrower than q), biases that are not zero, head tied or not.</summary>
internal static class RandomLlama
{
    public static JsonObject Config(bool tied = false) => new()
    {
        ["model_type"] = "llama",
        ["architectures"] = new JsonArray("LlamaForCausalLM"),
        ["hidden_size"] = 16,
        ["intermediate_size"] = 24,
        ["num_hidden_layers"] = 2,
        ["num_attention_heads"] = 4,
        ["num_key_value_heads"] = 2,
        ["vocab_size"] = 32,
        ["max_position_embeddings"] = 32,
        ["rms_norm_eps"] = 1e-5,
        ["attention_bias"] = true,
        ["mlp_bias"] = true,
        ["tie_word_embeddings"] = tied,
    };

    public static CausalModel Create(bool tied = false, int seed = 1)
    {
        using var _ = no_grad();
        var generator = new Generator((ulong)seed);
        var model = Architectures.Create(Config(tied), Weights.Random(0.3), "a random llama");
        foreach (var tensor in model.Tensors.Where(t => t.TiedTo is null)) tensor.Pretrained.copy_(randn(tensor.Pretrained.shape, generator: generator) * 0.3);
        return model;
    }

    public static TokenInput Batch => new(arange(0, 20, dtype: int64).mul(7).add(3).remainder(32).view(2, 10));

    /// <summary>Mean loss of next-token prediction on the batch.</summary>
    public static Tensor Loss(CausalModel model) => GoldenCase.Loss(model, Batch, Batch.Ids);

    /// <summary>Moves every trained tensor of a set away from its start, so that nothing is zero.</summary>
    public static void Disturb(AdapterSet set, int seed = 2)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var generator = new Generator((ulong)seed);
        foreach (var (_, value) in set.Parameters) value.add_(randn(value.shape, generator: generator) * 0.1);
    }
}
