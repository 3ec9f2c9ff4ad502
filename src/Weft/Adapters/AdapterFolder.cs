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
        if (set.IsMerged && set.CarriedEmbeddings.Any())
            throw new InvalidOperationException($"{folder} would carry {string.Join(", ", set.CarriedEmbeddings.Select(e => e.Tensor.Key))} as merged, which no base has. Save the adapters before they are merged, or unmerge first.");
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
        using var file = Checkpoint.Open(Path.Combine(folder, TensorFile));
        var notes = new List<string>();
        CheckBase(folder, model, force, notes);
        var plan = AdaptationPlan.For(config.ShapedBy(file.Tensors), model, isSaved: true);
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
        var carried = set.CarriedEmbeddings.ToDictionary(e => e.Key, e => e.Tensor);
        var optional = set.TrainedTensors.Where(t => t.Key.EndsWith(".bias", StringComparison.Ordinal)).Select(t => t.Key).ToList();
        if (optional.Count > 0 && set.Config.Bias == set.Config.BiasOfAdapted && !optional.Any(file.Tensors.ContainsKey))
        {
            notes.Add($"The file holds none of the {optional.Count} biases that bias \"{set.Config.Bias}\" trains; they are the base's.");
            foreach (var key in optional) wanted.Remove(key);
        }
        foreach (var key in carried.Keys.Where(k => !file.Tensors.ContainsKey(k))) wanted.Remove(key);

        var values = wanted.Where(w => file.Tensors.TryGetValue(w.Key, out var t) && t.Shape.SequenceEqual(w.Value.shape))
            .ToDictionary(w => w.Key, w => file.Read(w.Key));
        var wrong = wanted.Keys.Where(k => !file.Tensors.ContainsKey(k)).Select(k => $"  {k}: missing")
            .Concat(file.Tensors.Keys.Where(k => !wanted.ContainsKey(k)).Select(k => $"  {k}: no tensor of this adapter on this model has that key"))
            .Concat(wanted.Where(w => file.Tensors.TryGetValue(w.Key, out var t) && !t.Shape.SequenceEqual(w.Value.shape))
                .Select(w => $"  {w.Key}: ({string.Join(", ", file.Tensors[w.Key].Shape)}) for ({string.Join(", ", w.Value.shape)})"))
            .Concat(values.Where(v => v.Value.is_floating_point() != wanted[v.Key].is_floating_point()).Select(v => $"  {v.Key}: {v.Value.dtype} for {wanted[v.Key].dtype}"))
            .Concat(values.Where(v => v.Value.is_floating_point() && !v.Value.isfinite().all().item<bool>()).Select(v => $"  {v.Key}: not every number is finite"))
            .ToList();
        if (wrong.Count > 0) throw new InvalidDataException($"{folder} does not fit {(set.Model.Source.Length > 0 ? set.Model.Source : "the model")}:\n{string.Join('\n', wrong)}");

        foreach (var (key, value) in values)
        {
            if (!carried.TryGetValue(key, out var tensor)) wanted[key].copy_(value);
            else if (!tensor.Value.to(ScalarType.Float32).allclose(value.to(ScalarType.Float32), rtol: 1e-2, atol: 1e-3)) // bf16 copies of one embedding agree to 8 bits
                throw new InvalidDataException($"{folder} carries {key}, which differs from the base's own: the embedding was changed (resized or trained) before the adapter was saved. Use that base.");
        }
    }
}
