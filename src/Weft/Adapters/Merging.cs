namespace Weft.Adapters;

/// <summary>Writes the acting adapters of a model into its weights, checks that nothing changed, and takes them out again.</summary>
/// <remarks>Changes are formed and added in fp32, every one from the weights as they were before, and rounded once to the weight's type.</remarks>
public sealed class Merging
{
    private readonly BaseModel model;
    private readonly IReadOnlyList<AdapterSet> sets;
    private readonly List<BaseTensor.Replaced> replaced;
    private readonly Lazy<string> fingerprint; // of the weights before
    private readonly bool keepsBits;

    private Merging(BaseModel model, IReadOnlyList<AdapterSet> sets, List<BaseTensor.Replaced> replaced, Lazy<string> fingerprint, bool keepsBits, MergeReport report) =>
        (this.model, this.sets, this.replaced, this.fingerprint, Before, this.keepsBits, Report) = (model, sets, replaced, fingerprint, model.LastMerging, keepsBits, report);

    /// <summary>What was merged and how far the outputs moved.</summary>
    public MergeReport Report { get; }

    /// <summary>Merges the sets that act.</summary>
    /// <param name="model">The model; afterwards no adapter acts and its weights hold their change.</param>
    /// <param name="keepBits">Keeps the old weights in memory, so that <see cref="Unmerge"/> restores them bit for bit and not in closed form; otherwise they are freed.</param>
    /// <param name="budget">Largest relative difference of outputs allowed; null means 1e-5, and 0.1 where weights are bf16, whose rounding moves the probe by some percent.</param>
    /// <exception cref="InvalidOperationException">No adapter acts, or the outputs moved by more than the budget; the model is as it was.</exception>
    /// <exception cref="NotSupportedException">A method whose change is not one of weights, or a change of a tensor that a module does not have; the model is as it was.</exception>
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
        var fingerprint = model.FingerprintOfWeights;
        Fingerprint.Of(model); // taken while the weights are those the sets were made for
        var replaced = new List<BaseTensor.Replaced>();
        var names = sets.Select(s => s.Name).ToList();
        model.DisableAdapters();
        try
        {
            foreach (var follower in model.Tensors.Where(t => t.TiedTo is not null && changes.ContainsKey(t.TiedTo) && !changes.ContainsKey(t)))
                if (!sets.SelectMany(s => s.TrainedTensors).Any(t => t.Followers.Contains(follower)))
                    replaced.Add(follower.Replace(follower.Pretrained.alias())); // its partner changes alone: the tie ends
            foreach (var (tensor, value) in changes) replaced.Add(tensor.Replace(value.to(tensor.Pretrained.dtype)));
            var after = model.Probe();
            var difference = (after - before).abs().max().item<float>() / before.abs().max().item<float>();
            if (!(difference <= limit))
                throw new InvalidOperationException($"Merging moves the outputs by {difference:e2} of their largest value, more than {limit:e2}. Nothing was merged. Merge in fp32, or allow a larger budget.");
            var merging = new Merging(model, sets, replaced, fingerprint, keepBits, new MergeReport([.. changes.Keys.Select(t => t.Key)], difference, limit));
            if (!keepBits) merging.Free();
            foreach (var set in sets) set.IsMerged = true;
            model.ForgetFingerprint();
            return model.LastMerging = merging;
        }
        catch
        {
            Undo(replaced, []);
            model.Activate(names);
            throw;
        }
    }

    /// <summary>Takes the change out again, and lets the adapters that are still attached act as before.</summary>
    /// <remarks>Without kept bits a weight is computed back: exactly for an additive change up to rounding, in closed form where the change depends on the weight.</remarks>
    /// <exception cref="InvalidOperationException">It was taken out already, others were merged afterwards, or an adapter that the weights are computed back with is gone; the model is as it was.</exception>
    /// <exception cref="NotSupportedException">The weights cannot be computed back: tensors were trained whole or several sets merged at once; the model is as it was.</exception>
    public void Unmerge()
    {
        if (!sets.All(s => s.IsMerged)) throw new InvalidOperationException("This merge was taken out already.");
        if (model.LastMerging != this) throw new InvalidOperationException($"{string.Join(", ", model.LastMerging!.sets.Select(s => s.Name))} was merged afterwards. Take that out first.");
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Undo(replaced, keepsBits ? [] : ComputedBack());
        (model.LastMerging, model.FingerprintOfWeights) = (Before, fingerprint);
        foreach (var set in sets) set.IsMerged = false;
        model.Activate([.. sets.Where(model.Adapters.Values.Contains).Select(s => s.Name)]);
    }

    /// <summary>The merge before this one that was not taken out.</summary>
    internal Merging? Before { get; }

    /// <summary>Frees the weights from before.</summary>
    internal void Free()
    {
        foreach (var tensor in replaced) tensor.Free();
    }

    private static void Undo(List<BaseTensor.Replaced> replaced, Dictionary<BaseTensor, Tensor> values)
    {
        for (var i = replaced.Count - 1; i >= 0; i--) replaced[i].Undo(replaced[i].WasTied ? null : values.GetValueOrDefault(replaced[i].Tensor));
    }

    // The weights from before, from those after.
    private Dictionary<BaseTensor, Tensor> ComputedBack()
    {
        if (sets.Any(s => s.TrainedTensors.Count > 0)) throw new NotSupportedException("Tensors trained whole are taken out only from kept weights: merge with keepBits.");
        if (sets.Count > 1) throw new NotSupportedException("Several adapters that were merged together are taken out only from kept weights: merge with keepBits.");
        if (sets[0].IsDisposed) throw new InvalidOperationException($"{sets[0].Name} was disposed, and the weights are computed back with it. Merge with keepBits to take a change out without its adapter.");
        var values = new Dictionary<BaseTensor, Tensor>();
        foreach (var place in sets[0].Places)
        {
            var merged = place.Site.Host.Tensors.ToDictionary(t => t.LocalName, t => t.Pretrained.to(ScalarType.Float32));
            foreach (var (local, value) in place.Adapter.Unmerged(place.Site.Host, merged))
            {
                var tensor = place.Site.Host.Tensors.First(t => t.LocalName == local);
                values[tensor] = value.to(tensor.Pretrained.dtype);
            }
        }
        var missing = replaced.Where(r => !r.WasTied && !values.ContainsKey(r.Tensor)).Select(r => r.Tensor.Key).ToList();
        return missing.Count == 0 ? values : throw new NotSupportedException($"{sets[0].Config.PeftType} does not compute back {string.Join(", ", missing)}. Merge with keepBits.");
    }

    private static Dictionary<BaseTensor, Tensor> Changes(IReadOnlyList<AdapterSet> sets)
    {
        var values = new Dictionary<BaseTensor, Tensor>();
        var refused = new List<string>();
        foreach (var (tensor, value) in sets.SelectMany(s => s.TrainedTensors.SelectMany(t => t.Tensors.Select(b => (b, t.Value))))) values[tensor] = value.detach().clone();
        foreach (var (set, place) in sets.SelectMany(s => s.Places.Select(p => (s, p))))
            foreach (var (local, change) in place.Adapter.Changes(place.Site.Host))
            {
                if (place.Site.Host.Tensors.FirstOrDefault(t => t.LocalName == local) is { } tensor)
                    values[tensor] = (values.TryGetValue(tensor, out var sum) ? sum : tensor.Pretrained.to(ScalarType.Float32)) + change;
                else refused.Add($"  {place.Site.Name}: its {set.Config.PeftType} adapter changes a {local}, and the module has none");
            }
        return refused.Count == 0 ? values : throw new NotSupportedException($"These cannot be merged:\n{string.Join('\n', refused)}\nKeep the adapter, or leave these modules out.");
    }
}
