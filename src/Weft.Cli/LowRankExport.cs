using Weft.Adapters;
using static TorchSharp.torch;

namespace Weft.Cli;

/// <summary>Writes an adapter as LoRA, and proves by loading it again that it is the same function.</summary>
internal static class LowRankExport
{
    private const double Budget = 1e-4;

    /// <summary>Writes the folder.</summary>
    /// <param name="set">The adapters; they must act alone.</param>
    /// <param name="folder">The folder.</param>
    /// <returns>Modules written, and the largest difference of outputs relative to the largest output.</returns>
    /// <exception cref="NotSupportedException">Modules whose change is not a low-rank one, or base tensors trained whole: all of them; nothing is written.</exception>
    public static (int Modules, double Difference) Write(AdapterSet set, string folder)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var pairs = set.Places.Select(p => (p.Site, Pair: p.Adapter.AsLowRank(p.Site.Host))).ToList();
        var refused = pairs.Where(p => p.Pair is null).Select(p => p.Site.Name).Concat(set.TrainedTensors.Select(t => t.Tensor.Key)).ToList();
        if (refused.Count > 0)
            throw new NotSupportedException($"{set.Config.PeftType} changes what no pair of low-rank matrices can say:\n{string.Join('\n', refused.Select(r => $"  {r}"))}\nMerge it into the weights with `weft merge`.");
        var ranks = pairs.ToDictionary(p => p.Site.Name, p => (int)p.Pair!.A.shape[0]);
        var alphas = pairs.ToDictionary(p => p.Site.Name, p => p.Pair!.Alpha);
        var (rank, alpha) = (ranks.Values.GroupBy(r => r).MaxBy(g => g.Count())!.Key, alphas.Values.GroupBy(a => a).MaxBy(g => g.Count())!.Key);
        var options = new System.Text.Json.Nodes.JsonObject
        {
            ["r"] = rank,
            ["lora_alpha"] = alpha,
            ["target_modules"] = new System.Text.Json.Nodes.JsonArray([.. Targets(set).Select(t => (System.Text.Json.Nodes.JsonNode)t)]),
            ["rank_pattern"] = new System.Text.Json.Nodes.JsonObject(ranks.Where(r => r.Value != rank).Select(r => KeyValuePair.Create(r.Key, (System.Text.Json.Nodes.JsonNode?)r.Value))),
            ["alpha_pattern"] = new System.Text.Json.Nodes.JsonObject(alphas.Where(a => a.Value != alpha).Select(a => KeyValuePair.Create(a.Key, (System.Text.Json.Nodes.JsonNode?)a.Value))),
        };
        var before = set.Model.Probe();
        using var lora = PeftConfig.FromOptions("LORA", options.ToJsonString()).AttachTo(set.Model, "exported");
        foreach (var (place, pair) in lora.Places.Zip(pairs))
        {
            foreach (var (name, parameter) in place.Adapter.named_parameters()) parameter.copy_(name.Contains("_A", StringComparison.Ordinal) ? pair.Pair!.A : pair.Pair!.B);
        }
        var difference = ((set.Model.Probe() - before).abs().max() / before.abs().max()).item<float>();
        if (!(difference <= Budget)) throw new InvalidOperationException(FormattableString.Invariant($"As LoRA the outputs differ by {difference:0.00e+0} of their largest value, more than {Budget:0e+0}. Nothing was written."));
        lora.Save(folder);
        lora.Detach();
        return (pairs.Count, difference);
    }

    // Short names where they say the same; whole paths where only some layers are adapted.
    private static IReadOnlyList<string> Targets(AdapterSet set)
    {
        var adapted = set.Places.Select(p => p.Site.Name).ToHashSet();
        var locals = set.Places.Select(p => p.Site.LocalName).Distinct().Order(StringComparer.Ordinal).ToList();
        return set.Model.Sites.Where(s => locals.Contains(s.LocalName)).All(s => adapted.Contains(s.Name)) ? locals : [.. adapted.Order(StringComparer.Ordinal)];
    }
}
