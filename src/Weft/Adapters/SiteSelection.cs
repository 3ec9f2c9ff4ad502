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
    private readonly IReadOnlyList<ModuleExpression> layerPatterns;

    public SiteSelection(PeftConfig config, BaseModel model)
    {
        (this.config, this.model) = (config, model);
        layerPatterns = config.LayersPattern is { Count: > 0 } names ? [.. names.Select(n => ModuleExpression.Start($@".*?\.{n}\.(\d+)\."))] : [anyLayer];
        Selected = [.. model.Sites.Where(IsSelected)];
    }

    /// <summary>The selected sites, in the model's order.</summary>
    public IReadOnlyList<Site> Selected { get; }

    /// <summary>Whether modules_to_save holds the module or one it stands in.</summary>
    public bool IsSavedWhole(string module) => config.ModulesToSave?.Any(s => IsWithin(s, module)) ?? false;

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
        foreach (var layer in config.LayersToTransform ?? [])
            if (!model.Sites.Any(s => LayerOf(s.Name) == layer))
                yield return $"layers_to_transform names layer {layer}, but the model has layers {Layers()}{(config.LayersPattern is { } p ? $" in {string.Join(", ", p)}" : "")}.";
        if (config.LayersPattern is { Count: > 0 } && config.LayersToTransform is not { Count: > 0 })
            foreach (var (name, pattern) in config.LayersPattern.Zip(layerPatterns))
                if (!model.Sites.Any(s => pattern.IsMatch(s.Name))) yield return $"layers_pattern \"{name}\" is no list of layers in this model.";
        if (config.LayersToTransform is { Count: > 0 } && config.TargetModules is { IsList: false })
            yield return "layers_to_transform acts only where target_modules is a list. Put the layers into the expression, or list the modules.";
        foreach (var entry in config.ModulesToSave ?? [])
            if (!model.Tensors.Any(t => IsWithin(entry, t.Module)))
                yield return $"modules_to_save \"{entry}\" matches no module. The model has: {string.Join(", ", model.Tensors.Select(t => LastPart(t.Module)).Distinct())}.";
        foreach (var (option, pattern, fromStart) in config.Patterns)
            if (PatternProblem(option, pattern, fromStart) is { } problem) yield return problem;
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
        if (config.ExcludeModules?.Match(site) == true || site.Names.Any(IsSavedWhole)) return false;
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
        if (entry == Targets.AllLinear || NamesALayer(entry)) yield break;
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
        ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
        : null;

    private string Locals() => string.Join(", ", model.Sites.Select(s => s.LocalName).Distinct());

    private string Layers()
    {
        var all = model.Sites.Select(s => LayerOf(s.Name)).OfType<int>().Distinct().Order().ToList();
        return all.Count == 0 ? "none" : $"{all[0]} to {all[^1]}";
    }

    private static bool NamesALayer(string entry) => Regex.Replace(entry, @"\\d", "").Any(char.IsAsciiDigit);

    private static string WithoutLayer(string path, int? layer) => $"{path}.".Replace($".{layer}.", ".*.", StringComparison.Ordinal).TrimEnd('.');

    private static bool IsWithin(string entry, string module) => ModuleExpression.Start($@"(?:.*\.)?{Regex.Escape(entry)}(?:\..*)?\z").IsMatch(module);

    private static string LastPart(string path) => path[(path.LastIndexOf('.') + 1)..];
}
