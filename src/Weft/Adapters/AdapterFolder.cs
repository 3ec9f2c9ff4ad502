using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Adapters;

/// <summary>The folder of a saved adapter: PEFT's two files, byte for byte as PEFT writes them, and <c>weft.json</c> with what is ours.</summary>
internal static class AdapterFolder
{
    public const string ConfigFile = "adapter_config.json";
    public const string TensorFile = "adapter_model.safetensors";
    public const string OwnFile = "weft.json";

    private static readonly JsonSerializerOptions indented = new() { WriteIndented = true };

    public static void Save(AdapterSet set, string folder)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (set.IsMerged && set.Carried.Any())
            throw new InvalidOperationException($"{folder} would carry {string.Join(", ", set.Carried.Select(e => e.Key))} as merged, which no base has. Save the adapters before they are merged, or unmerge first.");
        Write(folder, set, set.Config, set.Saved().Select(t => (t.Key, t.Value.detach().to(t.Value.dtype == ScalarType.BFloat16 ? ScalarType.Float32 : t.Value.dtype).contiguous())));
    }

    /// <summary>Writes the tensors, adapter_config.json, and weft.json with the base the tensors belong to.</summary>
    public static void Write(string folder, AdapterSet set, PeftConfig config, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        var own = new JsonObject
        {
            ["format"] = 1,
            ["base_fingerprint"] = set.BaseFingerprint,
            ["base_model_type"] = (string?)set.Model.Config["model_type"],
        };
        AtomicFile.WriteInto(folder, temporary =>
        {
            Safetensors.Write(Path.Combine(temporary, TensorFile), tensors);
            AtomicFile.Write(Path.Combine(temporary, ConfigFile), config.ToJson());
            AtomicFile.Write(Path.Combine(temporary, OwnFile), own.ToJsonString(indented) + "\n");
        });
    }

    public static PeftConfig ReadConfig(string folder)
    {
        var path = Path.Combine(folder, ConfigFile);
        if (!File.Exists(path)) throw new FileNotFoundException($"{folder} is no adapter folder: it has no {ConfigFile}.", path);
        try
        {
            return PeftConfig.FromJson(File.ReadAllText(path));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    public static AdapterSet Load(string folder, BaseModel model, string name, bool force)
    {
        var config = ReadConfig(folder);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (config is { NeedsTargets: true, TargetModules: null, ModulesToSave: null or { Count: 0 } })
            throw new InvalidDataException($"{Path.Combine(folder, ConfigFile)}: target_modules is null. Hugging Face PEFT takes a default of the model's family then (q_proj and v_proj of a llama), which is not applied here. Write the names into it.");
        using var file = Tensors(folder);
        var notes = new List<string>();
        CheckBase(folder, model, force, notes);
        var plan = AdaptationPlan.For(config.ShapedBy(file.Tensors), model, isSaved: true);
        plan.LongestAxis = file.Tensors.Values.SelectMany(t => t.Shape).DefaultIfEmpty(0).Max();
        var set = plan.Build(name, site => NameIn(file, site));
        try
        {
            Fill(set, file, folder, notes);
        }
        catch
        {
            set.Dispose();
            throw;
        }
        set.Notes = notes;
        return set;
    }

    private static Checkpoint Tensors(string folder)
    {
        var path = Path.Combine(folder, TensorFile);
        if (File.Exists(path)) return Checkpoint.Open(path);
        var pickle = File.Exists(Path.Combine(folder, "adapter_model.bin")) ? " Its adapter_model.bin is a PyTorch pickle, which is not supported yet; save the adapter as safetensors." : "";
        throw new FileNotFoundException($"{folder} has no {TensorFile}.{pickle}", path);
    }

    private static string NameIn(Checkpoint file, Site site) =>
        site.Alias is { } alias && !file.Tensors.Keys.Any(k => k.StartsWith($"base_model.model.{site.Name}.", StringComparison.Ordinal))
            && file.Tensors.Keys.Any(k => k.StartsWith($"base_model.model.{alias}.", StringComparison.Ordinal)) ? alias : site.Name;

    private static void CheckBase(string folder, BaseModel model, bool force, List<string> notes)
    {
        var path = Path.Combine(folder, OwnFile);
        if (!File.Exists(path))
        {
            notes.Add($"{folder} has no {OwnFile}: whether it was trained on this base cannot be checked.");
            return;
        }
        var theirs = ReadFingerprint(path);
        var ours = Fingerprint.Of(model);
        if (theirs is null) notes.Add($"{path} states no base_fingerprint: whether it was trained on this base cannot be checked.");
        else if (theirs != ours && force) notes.Add($"Loaded by force: the adapter was trained on base {theirs[..12]}, this one is {ours[..12]}.");
        else if (theirs != ours)
            throw new InvalidDataException(
                $"{folder} was trained on another base: its fingerprint is {theirs[..12]}, that of {(model.Source.Length > 0 ? model.Source : "this model")} is {ours[..12]} " +
                "(config, tensor names, shapes and a sample of the numbers are compared). Give the base it was trained on, or --force.");
    }

    private static string? ReadFingerprint(string path)
    {
        try
        {
            var own = JsonNode.Parse(File.ReadAllText(path), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject ?? throw new JsonException("It is not one JSON object.");
            if (own["base_fingerprint"] is not { } stated) return null;
            return stated is JsonValue value && value.TryGetValue<string>(out var text) && text.Length == 64 && text.All(char.IsAsciiHexDigitLower)
                ? text
                : throw new JsonException($"base_fingerprint is {stated.ToJsonString()}; it is a string of 64 hexadecimal digits.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is broken: {e.Message} Restore it, or delete it to load without knowing whether the base is the one the adapter was trained on.", e);
        }
    }

    private static void Fill(AdapterSet set, Checkpoint file, string folder, List<string> notes)
    {
        var wanted = set.Saved().ToDictionary(t => t.Key, t => t.Value);
        var embeddings = WholeEmbeddings(set, wanted, file);
        var carried = set.Carried.Concat(embeddings).ToDictionary(e => e.Key, e => e.Value);
        var optional = set.TrainedTensors.Where(t => t.Key.EndsWith(".bias", StringComparison.Ordinal)).Select(t => t.Key).ToList();
        if (optional.Count > 0 && set.Config.Bias == set.Config.BiasOfAdapted && !set.Config.StoresBiases && !optional.Any(file.Tensors.ContainsKey))
        {
            notes.Add($"The file holds none of the {optional.Count} biases that bias \"{set.Config.Bias}\" trains; they are the base's.");
            foreach (var key in optional) wanted.Remove(key);
        }
        foreach (var (key, value) in carried)
        {
            if (file.Tensors.ContainsKey(key)) wanted[key] = value;
            else wanted.Remove(key);
        }

        var values = wanted.Where(w => file.Tensors.TryGetValue(w.Key, out var t) && t.Shape.SequenceEqual(w.Value.shape))
            .ToDictionary(w => w.Key, w => file.Read(w.Key));
        var wrong = wanted.Keys.Where(k => !file.Tensors.ContainsKey(k)).Select(k => $"  {k}: missing")
            .Concat(file.Tensors.Keys.Where(k => !wanted.ContainsKey(k)).Select(k => $"  {k}: no tensor of this adapter on this model has that key"))
            .Concat(wanted.Where(w => file.Tensors.TryGetValue(w.Key, out var t) && !t.Shape.SequenceEqual(w.Value.shape))
                .Select(w => $"  {w.Key}: ({string.Join(", ", file.Tensors[w.Key].Shape)}) for ({string.Join(", ", w.Value.shape)}){(carried.ContainsKey(w.Key) ? ", the base was changed (its vocabulary resized) before the adapter was saved: use that base" : "")}"))
            .Concat(values.Where(v => v.Value.is_floating_point() != wanted[v.Key].is_floating_point()).Select(v => $"  {v.Key}: {v.Value.dtype} for {wanted[v.Key].dtype}"))
            .Concat(values.Where(v => v.Value.is_floating_point() && !v.Value.isfinite().all().item<bool>()).Select(v => $"  {v.Key}: not every number is finite"))
            .ToList();
        if (wrong.Count > 0) throw new InvalidDataException($"{folder} does not fit {(set.Model.Source.Length > 0 ? set.Model.Source : "the model")}:\n{string.Join('\n', wrong)}");

        if (embeddings.Count > 0) notes.Add($"The file also holds {string.Join(" and ", embeddings.Select(e => e.Key))} whole, equal to the base's; they are not written again.");
        foreach (var (key, value) in values.Where(v => !carried.ContainsKey(v.Key))) wanted[key].copy_(value);
        foreach (var (key, value) in values.Where(v => carried.ContainsKey(v.Key)))
        {
            if (carried[key].to(ScalarType.Float32).allclose(value.to(ScalarType.Float32), rtol: 1e-2, atol: 1e-3)) continue; // bf16 copies of one embedding agree to 8 bits
            throw new InvalidDataException(key.Contains(".modules_to_save.", StringComparison.Ordinal)
                ? $"{folder} holds {key} twice, and differently without \".modules_to_save\"."
                : $"{folder} carries {key}, which differs from the base's own: {(key.EndsWith(".bias", StringComparison.Ordinal) ? "the bias" : "the embedding")} was changed (resized or trained) before the adapter was saved. Use that base.");
        }
    }

    // Embedding and head that PEFT adds when the vocabulary was resized, or when it is told to.
    private static List<(string Key, Tensor Value)> WholeEmbeddings(AdapterSet set, Dictionary<string, Tensor> wanted, Checkpoint file) => [.. set.Model.Sites
        .Where(s => s.Role is SiteRole.Embedding or SiteRole.Head).SelectMany(s => s.Host.Tensors).Distinct()
        .Select(t => (Key: $"base_model.model.{t.Key}", Value: t.Pretrained))
        .Where(t => file.Tensors.ContainsKey(t.Key) && !wanted.ContainsKey(t.Key))];
}
