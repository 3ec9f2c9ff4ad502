using System.Text.Json.Nodes;
using Weft.Nn;

namespace Weft.Models;

/// <summary>Mistral: LLaMA's decoder in which a query sees a window of positions.</summary>
/// <remarks>Jiang et al., arXiv 2310.06825; transformers/models/mistral. A sliding_window of null means no window; attention_bias and mlp_bias are no words of this family.</remarks>
[Architecture("mistral")]
public static class Mistral
{
    /// <summary>The model of a config and weights.</summary>
    public static CausalModel Create(JsonObject config, Weights weights, string source)
    {
        var read = new ConfigReader(config);
        return new Llama(read, weights, read.CountOrNull("sliding_window", 4096), unstatedGroups: 8, unstatedContext: 131072, mayHaveBias: false) { Source = source };
    }
}
