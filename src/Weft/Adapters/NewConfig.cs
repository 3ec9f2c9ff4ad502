using System.Text.Json;

namespace Weft.Adapters;

/// <summary>A person's config as its file will hold it: complete, and in the form that Hugging Face PEFT would write.</summary>
internal static class NewConfig
{
    // PEFT (tuners_utils.py, inject_adapter) condenses lists from this length on.
    private const int ManyNames = 20;

    /// <summary>The config with what was left to the model.</summary>
    public static PeftConfig Of(PeftConfig config, BaseModel model, IReadOnlyList<Site> selected)
    {
        var full = config.ResolvedFor(selected);
        return WithBase(full with { TargetModules = Sorted(config.TargetModules is { IsAllLinear: true } ? Condensed(full.TargetModules, model) : full.TargetModules), ExcludeModules = Sorted(full.ExcludeModules) }, model);
    }

    /// <summary>The config with the model's name, as the person gave it, where the config names none.</summary>
    public static PeftConfig WithBase(PeftConfig config, BaseModel model)
    {
        const string key = "base_model_name_or_path";
        if (model.Source.Length == 0 || (config.Extra.TryGetValue(key, out var given) && given is { ValueKind: JsonValueKind.String } name && name.GetString()!.Length > 0)) return config;
        return config with { Extra = new Dictionary<string, JsonElement>(config.Extra) { [key] = JsonSerializer.SerializeToElement(model.Source) } };
    }

    private static Targets? Sorted(Targets? targets) => targets is { IsList: true } ? new Targets([.. targets.Entries.Order(StringComparer.Ordinal)]) : targets;

    // The shortest ends of paths that no other module has; tuners_utils.py, _find_minimal_target_modules.
    private static Targets? Condensed(Targets? targets, BaseModel model)
    {
        if (targets is not { IsList: true, Entries.Count: >= ManyNames }) return targets;
        var others = model.Sites.Select(s => s.Name).Concat(model.Tensors.Select(t => t.Module)).SelectMany(ModulePath.Above).Where(n => !targets.Entries.Contains(n)).SelectMany(ModulePath.Ends).ToHashSet(StringComparer.Ordinal);
        var ends = new List<string>();
        foreach (var name in targets.Entries.Order(StringComparer.Ordinal))
            if (!ends.Any(e => Targets.NamesOrEnds(e, name))) ends.Add(ModulePath.Ends(name).First(e => e == name || !others.Contains(e)));
        return ends.Count < targets.Entries.Count ? new Targets(ends) : targets;
    }
}
