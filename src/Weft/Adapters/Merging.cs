namespace Weft.Adapters;

/// <summary>Writes the acting adapters of a model into its weights, checks that nothing changed, and takes them out again.</summary>
/// <remarks>Changes are formed and added in fp32, every one from the weights as they were before, and rounded once to the weight's type.</remarks>
public sealed class Merging
{
    private readonly BaseModel model;
    private readonly IReadOnlyList<AdapterSet> sets;
    private readonly List<Action> undo;
    private readonly bool keepsBits;

    private Merging(BaseModel model, IReadOnlyList<AdapterSet> sets, List<Action> undo, bool keepsBits, MergeReport report) =>
        (this.model, this.sets, this.undo, this.keepsBits, Report) = (model, sets, undo, keepsBits, report);

    /// <summary>What was merged and how far the outputs moved.</summary>
    public MergeReport Report { get; }

    /// <summary>Merges the sets that act.</summary>
    /// <param name="model">The model; afterwards no adapter acts and its weights hold their change.</param>
    /// <param name="keepBits">Keeps the old weights in memory, so that <see cref="Unmerge"/> restores them bit for bit and not in closed form.</param>
    /// <param name="budget">Largest relative difference of outputs allowed; null means 1e-5, and 0.1 where weights are bf16, whose rounding moves the probe by some percent.</param>
    /// <exception cref="InvalidOperationException">No adapter acts, or the outputs moved by more than the budget; the model is as it was.</exception>
    /// <exception cref="NotSupportedException">A method whose change is not one of weights; the model is as it was.</exception>
    public static Merging Into(BaseModel model, bool keepBits = false, double? budget = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.ActiveAdapters.Count == 0) throw new InvalidOperationException("No adapter acts, so there is nothing to merge. Attach or activate one.");
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var sets = model.ActiveAdapters.Select(n => model.Adapters[n]).ToList();
        var limit = budget ?? (sets.Any(s => s.Places.Any(p => p.Site.Host.Tensors.Any(t => t.Pretrained.dtype == ScalarType.BFloat16))) ? 0.1 : 1e-5);
        var before = model.Probe();
        var changes = Changes(sets);
        var undo = new List<Action>();
        var names = sets.Select(s => s.Name).ToList();
        model.DisableAdapters();
        try
        {
            foreach (var follower in model.Tensors.Where(t => t.TiedTo is not null && changes.ContainsKey(t.TiedTo) && !changes.ContainsKey(t)))
                if (!sets.SelectMany(s => s.TrainedTensors).Any(t => t.Followers.Contains(follower)))
                    undo.Add(follower.Replace(follower.Pretrained.alias())); // its partner changes alone: the tie ends
            foreach (var (tensor, value) in changes) undo.Add(tensor.Replace(value.to(tensor.Pretrained.dtype)));
            var after = model.Probe();
            var difference = (after - before).abs().max().item<float>() / before.abs().max().item<float>();
            if (!(difference <= limit))
                throw new InvalidOperationException($"Merging moves the outputs by {difference:e2} of their largest value, more than {limit:e2}. Nothing was merged. Merge in fp32, or allow a larger budget.");
            return new Merging(model, sets, undo, keepBits, new MergeReport([.. changes.Keys.Select(t => t.Key)], difference, limit));
        }
        catch
        {
            for (var i = undo.Count - 1; i >= 0; i--) undo[i]();
            model.Activate(names);
            throw;
        }
    }

    /// <summary>Takes the change out again, and lets the adapters act as before.</summary>
    /// <remarks>Without kept bits a weight is computed back: exactly for an additive change up to rounding, in closed form where the change depends on the weight.</remarks>
    public void Unmerge()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (keepsBits)
        {
            for (var i = undo.Count - 1; i >= 0; i--) undo[i]();
        }
        else
        {
            if (sets.Any(s => s.TrainedTensors.Count > 0)) throw new NotSupportedException("Tensors trained whole are taken out only from kept weights: merge with keepBits.");
            if (sets.Count > 1) throw new NotSupportedException("Several adapters that were merged together are taken out only from kept weights: merge with keepBits.");
            foreach (var place in sets[0].Places)
            {
                var merged = place.Site.Host.Tensors.ToDictionary(t => t.LocalName, t => t.Pretrained.to(ScalarType.Float32));
                foreach (var (local, value) in place.Adapter.Unmerged(place.Site.Host, merged))
                {
                    var tensor = place.Site.Host.Tensors.First(t => t.LocalName == local);
                    tensor.Replace(value.to(tensor.Pretrained.dtype));
                }
            }
        }
        model.Activate([.. sets.Select(s => s.Name)]);
    }

    private static Dictionary<BaseTensor, Tensor> Changes(IReadOnlyList<AdapterSet> sets)
    {
        var values = new Dictionary<BaseTensor, Tensor>();
        foreach (var (tensor, value) in sets.SelectMany(s => s.TrainedTensors.SelectMany(t => t.Tensors.Select(b => (b, t.Value))))) values[tensor] = value.detach().clone();
        foreach (var place in sets.SelectMany(s => s.Places))
            foreach (var (local, change) in place.Adapter.Changes(place.Site.Host))
            {
                var tensor = place.Site.Host.Tensors.First(t => t.LocalName == local);
                values[tensor] = (values.TryGetValue(tensor, out var sum) ? sum : tensor.Pretrained.to(ScalarType.Float32)) + change;
            }
        return values;
    }
}
