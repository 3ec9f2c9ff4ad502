using System.Text.Json.Nodes;
using Weft.Nn;

namespace Weft.Models;

/// <summary>Mistral: LLaMA's decoder in which a query sees a window of positions.</summary>
/// <remarks>Jiang et al., arXiv 2310.06825; transformers/models/mistral/modeling_mistral.py. sliding_window null means no window.</remarks>
[Architecture("mistral")]
public static class Mistral
{
    /// <summary>The model of a config and weights.</summary>
    public static CausalModel Create(JsonObject config, Weights weights, string source)
    {
        ArgumentNullException.ThrowIfNull(config);
        var window = config.TryGetPropertyValue("sliding_window", out var given) ? (long?)given : 4096;
        return new Llama(config, weights, window) { Source = source };
    }
}
