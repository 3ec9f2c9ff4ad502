using System.Text.RegularExpressions;

namespace Weft.Adapters;

/// <summary>What a config selects in a model, and what is wrong with it, before anything is put into the model.</summary>
public sealed class AdaptationPlan
{
    private readonly IReadOnlyList<Site> selected;
    private readonly SiteSelection selection;

    private readonly bool isSaved;

    private AdaptationPlan(PeftConfig config, BaseModel model, bool isSaved)
    {
        (Model, this.isSaved, selection) = (model, isSaved, new SiteSelection(config, model));
        selected = selection.Selected;
        Config = isSaved ? config : NewConfig.Of(config, model, selected);
        var problems = new List<string>(config.Problems());
        if (config.Bias != "none" && config.Bias != "all" && config.Bias != config.BiasOfAdapted) problems.Add($"bias \"{config.Bias}\" is none of none, all, {config.BiasOfAdapted}.");
        if (!isSaved) problems.AddRange(selection.Problems());
        Problems = problems;
    }

    /// <summary>The config.</summary>
    public PeftConfig Config { get; }

    /// <summary>The model.</summary>
    public BaseModel Model { get; }

    /// <summary>Everything that does not match or cannot be; empty when the plan stands.</summary>
    public IReadOnlyList<string> Problems { get; private set; }

    /// <summary>The selected sites, in the model's order.</summary>
    public IReadOnlyList<Site> Sites => selected;

    /// <summary>A config seen over a model.</summary>
    /// <param name="config">The config.</param>
    /// <param name="model">The model.</param>
    /// <param name="isSaved">Whether it belongs to a saved adapter, for which the reference library's rules and the file's tensors decide.</param>
    public static AdaptationPlan For(PeftConfig config, BaseModel model, bool isSaved)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(model);
        return new AdaptationPlan(config, model, isSaved);
    }

    /// <summary>Builds the adapters without putting them into the model.</summary>
    /// <param name="name">What the set is called.</param>
    /// <param name="nameOnDisk">Name of a site in the file it is read from; null takes the name it was targeted in.</param>
    /// <returns>The set, which its caller disposes; asked again under the same name, the same one while it is not disposed.</returns>
    /// <exception cref="ArgumentException">The plan has problems; the message lists all of them and the model is untouched.</exception>
    public AdapterSet Build(string name = "default", Func<Site, string>? nameOnDisk = null)
    {
        if (Problems.Count > 0) throw Refusal();
        if (Built is { IsDisposed: false, Name: var known } && known == name && nameOnDisk is null) return Built;
        var construction = new Construction(isSaved) { LongestAxis = LongestAxis };
        var places = new List<Place>();
        try
        {
            var problems = new List<string>();
            foreach (var site in selected)
            {
                try
                {
                    if (Config.Create(site, construction) is { } adapter) places.Add(new Place(site, adapter, nameOnDisk?.Invoke(site) ?? TargetedName(site)));
                }
                catch (Exception e) when (e is ArgumentException or NotSupportedException)
                {
                    problems.Add($"{site.Name}: {e.Message}");
                }
            }
            if (problems.Count > 0)
            {
                Problems = problems;
                throw Refusal();
            }
            return Built = new AdapterSet(name, Config, Model, places, Trained(places), construction.OfSet);
        }
        catch
        {
            foreach (var module in places.Select(p => p.Adapter).Concat(construction.InCommon))
                foreach (var built in module.parameters().Concat(module.buffers())) built.Dispose();
            throw;
        }
    }

    /// <summary>The plan as a table: one row per module pattern, what was selected first, then what stays as it is.</summary>
    public IReadOnlyList<PlanRow> Rows() => Problems.Count == 0 ? Seen(Rows) : Rows(null);

    /// <summary>The estimates that go with the table.</summary>
    /// <param name="batchTokens">Tokens of a batch, padding included.</param>
    /// <exception cref="ArgumentException">The plan has problems.</exception>
    public PlanEstimate Estimate(long batchTokens) => Seen(set => PlanEstimate.Of(set, batchTokens));

    /// <summary>The exception that lists every problem.</summary>
    public ArgumentException Refusal() =>
        new($"This {Config.PeftType} config does not fit {(Model.Source.Length > 0 ? Model.Source : "the model")}:\n{string.Join('\n', Problems.Distinct().Select(p => "  " + p))}");

    internal static string Pattern(string name) => Regex.Replace(name, @"(?<=\.)\d+(?=\.)", "*");

    /// <summary>The longest axis of the tensors of the folder that is read.</summary>
    internal long LongestAxis { get; set; } = long.MaxValue;

    private AdapterSet? Built { get; set; }

    // Looks at the set that was built, or at one that is built for it and freed again, whose start draws nothing from the generator.
    private T Seen<T>(Func<AdapterSet, T> look)
    {
        if (Built is { IsDisposed: false }) return look(Built);
        using var generator = get_rng_state();
        try
        {
            using var set = Build();
            return look(set);
        }
        finally
        {
            set_rng_state(generator);
        }
    }

    private IReadOnlyList<PlanRow> Rows(AdapterSet? set)
    {
        var counted = new HashSet<nint>();
        var numbers = set?.Places.ToDictionary(p => p.Site, p => p.Adapter.parameters().Where(q => counted.Add(q.Handle)).Sum(q => q.numel())) ?? [];
        var saved = set?.TrainedTensors.ToLookup(t => t.Tensor.Module, t => t.Value.numel());
        var rows = Model.Sites.GroupBy(s => Pattern(s.Name)).Select(g => new PlanRow(
            g.Key, g.Count(), g.Count(selected.Contains), g.First().Host.InFeatures, g.First().Host.OutFeatures,
            g.Sum(s => numbers.GetValueOrDefault(s)) + g.Sum(s => saved?[s.Name].Sum() ?? 0), saved is not null && g.Any(s => saved[s.Name].Any())));
        return [.. rows.OrderBy(r => r.Trainable == 0 && r.Selected == 0)];
    }

    private List<TrainedTensor> Trained(List<Place> places)
    {
        var adapted = places.Select(p => p.Site.Host).Distinct().SelectMany(h => h.Tensors).ToHashSet();
        var onDisk = places.SelectMany(p => p.Site.Host.Tensors.Select(t => (t, Name: p.NameOnDisk))).DistinctBy(p => p.t).ToDictionary(p => p.t, p => p.Name);
        var trained = new List<TrainedTensor>();
        foreach (var tensor in Model.Tensors)
        {
            var whole = SiteSelection.SavedWhole(Config.ModulesToSave, tensor.Module) is not null;
            if (!whole && !Config.Trains(tensor, adapted.Contains(tensor))) continue;
            if (!whole && tensor.TiedTo is not null) continue; // trained with the tensor it is tied to
            using var scope = NewDisposeScope();
            var value = new Parameter(tensor.Pretrained.to(ScalarType.Float32, copy: true)).DetachFromDisposeScope();
            var key = onDisk.TryGetValue(tensor, out var site) ? $"{site}.base_layer.{tensor.LocalName}" : tensor.Key;
            trained.Add(new TrainedTensor(tensor, (Parameter)value, $"base_model.model.{key}", whole ? [] : [.. Model.Tensors.Where(t => t.TiedTo == tensor)]));
        }
        return trained;
    }

    // A name that only the alias answers to was meant: then the file is written in it.
    private string TargetedName(Site site) => site.Alias is { } alias && !Config.TargetModules!.Match(site with { Alias = null }) ? alias : site.Name;
}
