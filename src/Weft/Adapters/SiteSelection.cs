using System.Globalization;
using System.Text.RegularExpressions;

namespace Weft.Adapters;

/// <summary>Which sites of a model a config selects, by the rules of Hugging Face PEFT, and what a person's own config must satisfy beyond them.</summary>
/// <remarks>Rules: peft/tuners/tuners_utils.py. A saved adapter follows them alone; a config that a person writes must also match everywhere it says it does.</remarks>
internal sealed class SiteSelection
{
    private static readonly ModuleExpression anyLayer = ModuleExpression.Start(@".*?\.[^.]*\.(\d+)\.");

    private readonly PeftConfig config;
    private readonly BaseModel model;
    private readonly IReadOnlyList<string> layerNames;
    private readonly IReadOnlyList<ModuleExpression> layerPatterns, untargeted;

    public SiteSelection(PeftConfig config, BaseModel model)
    {
        (this.config, this.model) = (config, model);
        layerNames = [.. (config.LayersPattern ?? []).Where(n => n.Length > 0)];
        layerPatterns = layerNames.Count > 0 ? [.. layerNames.Select(n => ModuleExpression.Start($@".*?\.{n}\.(\d+)\.", n))] : [anyLayer];
        untargeted = [.. (config.ModulesToSave ?? []).Select(m => ModuleExpression.Start($@"(^|.*\.){m}($|\..*)", m))];
        Selected = [.. model.Sites.Where(IsSelected)];
    }

    /// <summary>The selected sites, in the model's order.</summary>
    public IReadOnlyList<Site> Selected { get; }

    /// <summary>The outermost module that modules_to_save holds of a path, or null; peft/utils/other.py, _set_trainable: the end of its name is enough, so <c>norm</c> holds <c>input_layernorm</c> too.</summary>
    public static string? SavedWhole(IReadOnlyList<string>? modulesToSave, string module) => modulesToSave is { Count: > 0 }
        ? ModulePath.Above(module).FirstOrDefault(m => modulesToSave.Any(e => e.Length > 0 && m.EndsWith(e, StringComparison.Ordinal)))
        : null;

    /// <summary>Everything in a person's config that does not match as written.</summary>
    public IEnumerable<string> Problems()
    {
        if (config.TargetModules is null or { Entries.Count: 0 })
        {
            if (config.NeedsTargets && config.ModulesToSave is not { Count: > 0 })
                yield return $"target_modules is not given. Name modules ({Locals()}), a regular expression, or \"{Targets.AllLinear}\".";
        }
        else
        {
            foreach (var entry in config.TargetModules.Entries)
                foreach (var problem in TargetProblems(entry)) yield return problem;
        }
        foreach (var entry in config.ExcludeModules?.Entries ?? [])
            if (!model.Sites.Any(s => config.ExcludeModules!.EntriesFor(s).Contains(entry)))
                yield return $"exclude_modules \"{entry}\" matches no module. The model has: {Locals()}.";
        foreach (var problem in LayerProblems()) yield return problem;
        if (config.LayersToTransform is { Count: > 0 } && config.TargetModules is { IsList: false })
            yield return "layers_to_transform acts only where target_modules is a list. Put the layers into the expression, or list the modules.";
        foreach (var entry in config.ModulesToSave ?? [])
            if (!model.Tensors.Any(t => SavedWhole([entry], t.Module) is not null))
                yield return $"modules_to_save \"{entry}\" matches no module. The model has: {string.Join(", ", model.Tensors.Select(t => ModulePath.Last(t.Module)).Distinct())}.";
        foreach (var site in Selected.Where(s => SavedWhole(config.ModulesToSave, s.Name) is not null))
            yield return $"modules_to_save holds {site.Name} (an entry is the end of a name), which target_modules adapts. Leave it to one of them.";
        if (BiasProblem() is { } none) yield return none;
        foreach (var (option, pattern, fromStart) in config.Patterns)
            if (PatternProblem(option, pattern, fromStart) is { } problem) yield return problem;
    }

    private IEnumerable<string> LayerProblems()
    {
        var isList = config.TargetModules is null or { IsList: true };
        foreach (var layer in config.LayersToTransform ?? [])
        {
            if (!model.Sites.Any(s => LayerOf(s.Name) == layer))
                yield return $"layers_to_transform names layer {layer}, but the model has layers {Layers()}{(layerNames.Count > 0 ? $" in {string.Join(", ", layerNames)}" : "")}.";
            else if (isList && Selected.Count > 0 && !Selected.Any(s => LayerOf(s.Name) == layer))
                yield return $"layers_to_transform names layer {layer}, but no module there is adapted; a target_modules entry that is a whole path counts whatever its layer. Remove one of them.";
        }
        if (layerNames.Count > 0 && config.LayersToTransform is not { Count: > 0 })
            yield return "layers_pattern acts only with layers_to_transform, which is not given. Name the layers, or remove it.";
        else
            foreach (var (name, pattern) in layerNames.Zip(layerPatterns))
                if (!model.Sites.Any(s => pattern.IsMatch(s.Name))) yield return $"layers_pattern \"{name}\" is no list of layers in this model.";
    }

    private string? BiasProblem()
    {
        if (!config.NeedsTargets || (config.Bias != "all" && config.Bias != config.BiasOfAdapted)) return null;
        var adapted = Selected.SelectMany(s => s.Host.Tensors).ToHashSet();
        if (model.Tensors.Any(t => t.LocalName == "bias" && config.Trains(t, adapted.Contains(t)))) return null;
        return $"bias \"{config.Bias}\" trains biases, but {(config.Bias == "all" ? "the model has none" : "no adapted module has one")}. Remove it.";
    }

    private string? PatternProblem(string option, string pattern, bool fromStart)
    {
        try
        {
            var expression = fromStart ? ModuleExpression.Start(pattern) : ModuleExpression.End(pattern);
            if (Selected.Any(s => s.Names.Any(expression.IsMatch))) return null;
        }
        catch (ArgumentException e)
        {
            return $"{option}: {e.Message}";
        }
        var adapted = Selected.Count == 0 ? "none" : string.Join(", ", fromStart ? [Selected[0].Name] : Selected.Select(s => s.LocalName).Distinct());
        return $"{option} \"{pattern}\" matches no adapted module{(fromStart ? " from the start of its path" : "")}. Adapted are: {adapted}{(fromStart && Selected.Count > 1 ? " …" : "")}.";
    }

    private bool IsSelected(Site site)
    {
        if (config.TargetModules is not { Entries.Count: > 0 } targets) return false;
        if (config.ExcludeModules?.Match(site) == true || site.Names.Any(n => untargeted.Any(m => m.IsMatch(n)))) return false;
        if (!targets.Match(site)) return false;
        if (!targets.IsList || config.LayersToTransform is not { Count: > 0 } layers || site.Names.Any(n => targets.Entries.Contains(n))) return true;
        return LayerOf(site.Name) is { } layer && layers.Contains(layer);
    }

    private IEnumerable<string> TargetProblems(string entry)
    {
        var matched = model.Sites.Where(s => config.TargetModules!.EntriesFor(s).Contains(entry)).ToList();
        if (matched.Count == 0)
        {
            yield return $"target_modules \"{entry}\" matches no module. The model has: {Locals()}.";
            yield break;
        }
        if (!matched.Any(IsSelected))
            yield return $"target_modules \"{entry}\" matches {matched[0].Name}{(matched.Count > 1 ? $" and {matched.Count - 1} more" : "")}, but exclude_modules, modules_to_save or layers_to_transform leave all of them out.";
        if (config.TargetModules!.IsAllLinear || NamesALayer(entry, config.TargetModules.IsList)) yield break;
        foreach (var group in matched.Where(s => s.Layer is not null).GroupBy(s => (Parent: WithoutLayer(s.Parent, s.Layer), s.LocalName)))
        {
            var present = group.Select(s => s.Layer).ToHashSet();
            var siblings = model.Sites.Where(s => s.Layer is not null && !present.Contains(s.Layer) && WithoutLayer(s.Parent, s.Layer) == group.Key.Parent)
                .Select(s => s.Layer!.Value).Distinct().Where(l => !IsLeftOut(group.First(), l)).ToList();
            if (siblings.Count > 0)
                yield return $"target_modules \"{entry}\" matches {group.Key.Parent}.{group.Key.LocalName} in layers {string.Join(", ", present.Order())} but not in {string.Join(", ", siblings)}, which have its siblings. Name the layers with layers_to_transform, or exclude them.";
        }
    }

    // A layer in which the module would stand may be left out on purpose.
    private bool IsLeftOut(Site like, int layer)
    {
        var name = like.Name.Replace($".{like.Layer}.", $".{layer}.", StringComparison.Ordinal);
        return config.LayersToTransform is { Count: > 0 } layers && !layers.Contains(layer)
            || config.ExcludeModules?.Match(like with { Name = name, Alias = null }) == true;
    }

    private int? LayerOf(string name) => layerPatterns.Select(p => p.Match(name)).FirstOrDefault(m => m.Success) is { } match
        && int.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var layer) ? layer : null;

    private string Locals() => string.Join(", ", model.Sites.Select(s => s.LocalName).Distinct());

    private string Layers()
    {
        var all = model.Sites.Select(s => LayerOf(s.Name)).OfType<int>().Distinct().Order().ToList();
        return all.Count == 0 ? "none" : $"{all[0]} to {all[^1]}";
    }

    // A list entry names a layer by a part that is a number. In an expression a digit of a name (fc1) stands behind a letter; any digit and counts are none.
    private static bool NamesALayer(string entry, bool isList) => isList
        ? entry.Split('.').Any(p => p.Length > 0 && p.All(char.IsAsciiDigit))
        : Regex.IsMatch(Regex.Replace(entry, @"\\d|\[0-9\]|\{[\d,]*\}", ""), @"(?<!\w)\d");

    private static string WithoutLayer(string path, int? layer) => $"{path}.".Replace($".{layer}.", ".*.", StringComparison.Ordinal).TrimEnd('.');
}
