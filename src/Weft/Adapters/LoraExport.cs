using System.Text.Json;

namespace Weft.Adapters;

/// <summary>Writes adapters of any method that are low-rank changes of linear maps as an ordinary LoRA folder, which every runtime that serves LoRA can read.</summary>
/// <remarks>The export is exact: it is the same function, held layer by layer where the method shared tensors across layers.</remarks>
public static class LoraExport
{
    /// <summary>Writes adapter_config.json and adapter_model.safetensors as Hugging Face PEFT writes LoRA, and weft.json beside them.</summary>
    /// <param name="set">The adapters.</param>
    /// <param name="folder">The folder; made where it is absent.</param>
    /// <exception cref="IOException">The folder cannot be written; what was there is unchanged.</exception>
    /// <exception cref="InvalidOperationException">The set is merged, so the weights that its change may depend on are no longer the base's.</exception>
    /// <exception cref="NotSupportedException">An adapter is no low-rank change of a weight, or the set trains tensors of the base; every one is named and nothing is written.</exception>
    public static void Write(AdapterSet set, string folder)
    {
        ArgumentNullException.ThrowIfNull(set);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (set.IsMerged) throw new InvalidOperationException($"{set.Name} is merged into the weights, so {folder} is not written. Export before merging, or unmerge first.");
        var pairs = set.Places.Select(p => (Place: p, Pair: p.Adapter.AsLowRank(p.Site.Host))).ToList();
        var refused = pairs.Where(p => p.Pair is null).Select(p => $"  {p.Place.Site.Name}: its {set.Config.PeftType} adapter is no low-rank change of the weight alone")
            .Concat(set.TrainedTensors.Select(t => $"  {t.Tensor.Key}: trained whole"))
            .ToList();
        if (refused.Count > 0) throw new NotSupportedException($"These have no LoRA form, so {folder} is not written:\n{string.Join('\n', refused)}\nMerge instead.");

        AdapterFolder.Write(folder, set, Config(set, [.. pairs.Select(p => (p.Place.NameOnDisk, p.Pair!))]), pairs.SelectMany(p => new[]
        {
            ($"base_model.model.{p.Place.NameOnDisk}.lora_A.weight", p.Pair!.A.detach().to(ScalarType.Float32).contiguous()),
            ($"base_model.model.{p.Place.NameOnDisk}.lora_B.weight", p.Pair!.B.detach().to(ScalarType.Float32).contiguous()),
        }));
    }

    private static PeftConfig Config(AdapterSet set, IReadOnlyList<(string Name, LowRankPair Pair)> pairs)
    {
        var locals = pairs.Select(p => ModulePath.Last(p.Name)).Distinct().Order(StringComparer.Ordinal).ToList();
        // Last parts of paths say it where they select just these sites; whole paths say it always.
        var targets = set.Model.Sites.Count(new Targets(locals).Match) == pairs.Count ? locals : [.. pairs.Select(p => p.Name).Order(StringComparer.Ordinal)];
        var rank = Usual(pairs.Select(p => p.Pair.A.shape[0]));
        var alpha = Usual(pairs.Select(p => p.Pair.Alpha));
        var options = new Dictionary<string, object>
        {
            ["peft_type"] = "LORA",
            ["r"] = rank,
            ["lora_alpha"] = alpha,
            ["target_modules"] = targets,
            ["rank_pattern"] = pairs.Where(p => p.Pair.A.shape[0] != rank).ToDictionary(p => p.Name, p => p.Pair.A.shape[0]),
            ["alpha_pattern"] = pairs.Where(p => p.Pair.Alpha != alpha).ToDictionary(p => p.Name, p => p.Pair.Alpha),
        };
        return NewConfig.WithBase(PeftConfig.FromJson(JsonSerializer.Serialize(options)) with { Source = null }, set.Model);
    }

    private static T Usual<T>(IEnumerable<T> values) => values.GroupBy(v => v).MaxBy(g => g.Count())!.Key;
}
