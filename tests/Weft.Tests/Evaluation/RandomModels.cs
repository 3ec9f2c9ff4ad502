using System.Text.Json.Nodes;
using Weft.Models;
using Weft.Nn;

namespace Weft.Tests.Evaluation;

/// <summary>Small models with random weights, large enough for their logits to differ clearly.</summary>
internal static class RandomModels
{
    public static CausalModel Make(string kind, int seed = 1)
    {
        random.manual_seed(seed);
        var config = new JsonObject
        {
            ["model_type"] = kind == "sliding" ? "mistral" : "llama",
            ["hidden_size"] = 32,
            ["intermediate_size"] = 48,
            ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = kind == "grouped" ? 2 : 4,
            ["num_hidden_layers"] = 2,
            ["vocab_size"] = 96,
            ["max_position_embeddings"] = 128,
            ["rms_norm_eps"] = 1e-6,
        };
        if (kind == "sliding") config["sliding_window"] = 5;
        if (kind == "biased") (config["attention_bias"], config["mlp_bias"]) = (true, true);
        if (kind is "linear" or "dynamic" or "yarn") config["rope_scaling"] = new JsonObject { ["rope_type"] = kind, ["factor"] = 4.0 };
        if (kind == "llama3")
            config["rope_scaling"] = new JsonObject { ["rope_type"] = kind, ["factor"] = 8.0, ["low_freq_factor"] = 1.0, ["high_freq_factor"] = 4.0, ["original_max_position_embeddings"] = 32 };
        return Architectures.Create(config, Weights.Random(0.3), kind);
    }

    public static int[] Prompt(int length, int start = 3) => [.. Enumerable.Range(0, length).Select(i => (start + 7 * i + i * i) % 96)];

    /// <summary>Every id is its own character.</summary>
    public static string Letters(IReadOnlyList<int> ids) => string.Concat(ids.Select(id => (char)('!' + id)));
}
