namespace Weft.Adapters;

/// <summary>The adapters made for one model: count them, train them, switch them, save them, merge them, take them out.</summary>
public sealed class AdapterSet : IDisposable
{
    private readonly IReadOnlyDictionary<string, nn.Module> shared;
    private readonly Lazy<string> fingerprint;

    internal AdapterSet(string name, PeftConfig config, BaseModel model, IReadOnlyList<Place> places, IReadOnlyList<TrainedTensor> trained, IReadOnlyDictionary<string, nn.Module> shared)
    {
        (Name, Config, Model, Places, TrainedTensors, this.shared) = (name, config, model, places, trained, shared);
        fingerprint = model.FingerprintOfWeights;
        foreach (var (_, value) in Parameters) value.DetachFromDisposeScope();
        foreach (var (_, buffer) in Buffers) buffer.DetachFromDisposeScope();
        foreach (var place in places) place.Adapter.eval();
    }

    /// <summary>What it is called in the model.</summary>
    public string Name { get; }

    /// <summary>What made it.</summary>
    public PeftConfig Config { get; }

    /// <summary>The model it was made for.</summary>
    public BaseModel Model { get; }

    /// <summary>The adapters where they stand, in the model's order.</summary>
    public IReadOnlyList<Place> Places { get; }

    /// <summary>Tensors of the base that the set trains itself.</summary>
    public IReadOnlyList<TrainedTensor> TrainedTensors { get; }

    /// <summary>What loading found worth saying: a missing fingerprint, biases the file does not hold.</summary>
    public IReadOnlyList<string> Notes { get; internal set; } = [];

    /// <summary>Every trainable tensor once, under its key on disk. A shared one is named by its first site.</summary>
    public IEnumerable<(string Key, Parameter Value)> Parameters => AdapterParameters.Concat(TrainedTensors.Select(t => (t.Key, t.Value)));

    /// <summary>How many numbers are trained.</summary>
    public long Count => Parameters.Sum(p => p.Value.numel());

    /// <summary>How many of them belong to adapters, and not to tensors of the base.</summary>
    public long AdapterCount => AdapterParameters.Sum(p => p.Value.numel());

    /// <summary>The trainable tensors in groups for the optimiser.</summary>
    public IReadOnlyList<OptimizerGroup> Groups => Config.Groups([.. Parameters]);

    /// <summary>Adapters that work around each update.</summary>
    public IEnumerable<IUpdates> Updates => Places.Select(p => p.Adapter).OfType<IUpdates>();

    /// <summary>Fingerprint of the base it was made for, whatever was merged into the model since.</summary>
    internal string BaseFingerprint => fingerprint.Value;

    /// <summary>Whether the model's weights hold its change.</summary>
    internal bool IsMerged { get; set; }

    internal bool IsDisposed { get; private set; }

    private IEnumerable<(string Key, Parameter Value)> AdapterParameters => shared
        .SelectMany(s => s.Value.named_parameters().Select(q => (Key: $"base_model.{(s.Key.Length > 0 ? s.Key + "." : "")}{q.name}", q.parameter)))
        .Concat(Places.SelectMany(p => p.Adapter.named_parameters().Select(q => (Key: $"base_model.model.{p.NameOnDisk}.{q.name}", q.parameter))))
        .DistinctBy(p => p.parameter.Handle);

    // A buffer of the set stands once; one of a site stands under every site that has it.
    private IEnumerable<(string Key, Tensor Value)> Buffers
    {
        get
        {
            var ofSet = shared.SelectMany(s => s.Value.named_buffers().Select(b => (Key: $"base_model.{(s.Key.Length > 0 ? s.Key + "." : "")}{b.name}", b.buffer))).ToList();
            return ofSet.Concat(Places.SelectMany(p => p.Adapter.named_buffers().Where(b => ofSet.All(o => o.buffer.Handle != b.buffer.Handle))
                .Select(b => ($"base_model.model.{p.NameOnDisk}.{b.name}", b.buffer))));
        }
    }

    /// <summary>Everything its file holds: the trainable tensors, buffers, and embeddings that PEFT's files carry whole.</summary>
    public IEnumerable<(string Key, Tensor Value)> Saved() => Parameters.Select(p => (p.Key, (Tensor)p.Value))
        .Concat(Buffers)
        .Concat(Carried);

    /// <summary>What PEFT stores beside the trained tensors although others hold it: the weights of a targeted embedding or head, and the biases of modules_to_save once more where all biases are trained.</summary>
    internal IEnumerable<(string Key, Tensor Value)> Carried
    {
        get
        {
            foreach (var place in TargetsEmbeddings ? Places.Where(p => p.Site.Role is SiteRole.Embedding or SiteRole.Head) : [])
                foreach (var tensor in place.Site.Host.Tensors.Where(t => t.LocalName == "weight"))
                    yield return ($"base_model.model.{place.NameOnDisk}.base_layer.weight", tensor.Pretrained);
            foreach (var trained in Config.Bias == "all" ? TrainedTensors.Where(t => t.Tensor.LocalName == "bias") : [])
            {
                if (SiteSelection.SavedWhole(Config.ModulesToSave, trained.Tensor.Module) is not { } module) continue;
                var key = trained.Tensor.Key[(module.Length + 1)..];
                yield return ($"base_model.model.{module}.original_module.{key}", trained.Tensor.Pretrained);
                yield return ($"base_model.model.{module}.modules_to_save.{key}", trained.Value);
            }
        }
    }

    // Names in a list, or modules that an expression matches; peft/utils/save_and_load.py, get_peft_model_state_dict.
    private bool TargetsEmbeddings => Config.TargetModules switch
    {
        null or { IsAllLinear: true } => false,
        { IsList: true } list => list.Entries.Any(e => e is "embed_tokens" or "lm_head"),
        var expression => Model.Sites.Any(s => s.LocalName is "embed_tokens" or "lm_head" && expression.Match(s)),
    };

    /// <summary>Puts it into its model and lets it act alone.</summary>
    /// <exception cref="ArgumentException">Its name is taken, or it is merged into the weights.</exception>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public void Attach()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        Model.Add(this);
        Model.Activate(Name);
    }

    /// <summary>Takes it out, if it is attached. The base model is as it was, bit for bit; weights that it was merged into keep its change.</summary>
    public void Detach() => Model.Remove(this);

    /// <summary>Writes its folder as PEFT does, and <c>weft.json</c> beside it.</summary>
    /// <remarks>The files are written whole under other names first and then take their own, one right after the other: only a process killed between these leaves new files beside old ones.</remarks>
    /// <exception cref="IOException">The folder cannot be written; what was there is unchanged.</exception>
    /// <exception cref="InvalidOperationException">The file would carry an embedding that the set is merged into.</exception>
    public void Save(string folder) => AdapterFolder.Save(this, folder);

    /// <summary>Attaches the adapters a folder holds, acting alone.</summary>
    /// <param name="folder">adapter_config.json and adapter_model.safetensors, and weft.json where we wrote it.</param>
    /// <param name="model">The base they were trained on.</param>
    /// <param name="name">What the set is called in the model.</param>
    /// <param name="force">Loads although the base's fingerprint is another.</param>
    /// <exception cref="InvalidDataException">A file of the folder is broken, its tensors are not the config's, or the base is another; every difference is listed and the model is as it was.</exception>
    /// <exception cref="FileNotFoundException">It is no adapter folder.</exception>
    /// <exception cref="ArgumentException">The name is taken, or the config cannot be built on this model.</exception>
    public static AdapterSet Load(string folder, BaseModel model, string name = "default", bool force = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        model.RefuseTakenName(name);
        var set = AdapterFolder.Load(folder, model, name, force);
        set.Attach();
        return set;
    }

    /// <summary>Takes it out of its model and frees its tensors.</summary>
    public void Dispose()
    {
        if (IsDisposed) return;
        Detach();
        IsDisposed = true;
        foreach (var (_, value) in Parameters.ToList()) value.Dispose();
        foreach (var (_, buffer) in Buffers.ToList()) buffer.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Config.PeftType}: {Count:N0} trainable numbers at {Places.Count} sites";
}
