using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weft.Adapters;

/// <summary>What to adapt and how: one method's options, and Hugging Face PEFT's adapter_config.json.</summary>
/// <remarks>
/// A file that was read is written back with every key it had; a new one holds the keys that the reference library writes for the
/// method, and keys of our own only where they are used.
/// </remarks>
public abstract record PeftConfig
{
    private static readonly HashSet<string> aboutTheRun = ["peft_type", "peft_version", "task_type", "inference_mode", "auto_mapping", "revision", "base_model_name_or_path", "runtime_config"];

    private static readonly JsonSerializerOptions json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.Strict,
        Converters = { new PythonFloat() },
    };

    /// <summary>The modules to adapt; null is refused when the config is used.</summary>
    public Targets? TargetModules { get; init; }

    /// <summary>Modules to leave out although <see cref="TargetModules"/> names them; looked at first.</summary>
    public Targets? ExcludeModules { get; init; }

    /// <summary>The layers to adapt, counted from 0; null means all.</summary>
    [JsonConverter(typeof(OneOrMany<int>))] public IReadOnlyList<int>? LayersToTransform { get; init; }

    /// <summary>Name of the list the layers stand in, where a model has several (<c>layers</c>, <c>h</c>, <c>block</c>); null finds it.</summary>
    [JsonConverter(typeof(OneOrMany<string>))] public IReadOnlyList<string>? LayersPattern { get; init; }

    /// <summary>Modules trained whole beside the adapters and stored with them, such as a new head.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Which biases of the base are trained: <c>none</c>, <c>all</c>, or those of adapted modules (<c>lora_only</c>, <c>wegeft_only</c> …).</summary>
    public string Bias { get; init; } = "none";

    /// <summary>Keys of the file that no property reads. Kept, so that reading and writing loses nothing.</summary>
    [JsonExtensionData] public IDictionary<string, JsonElement> Extra { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>The file this was read from, by key, so that what did not change is written as it stood.</summary>
    [JsonIgnore] internal IReadOnlyDictionary<string, JsonElement>? Source { get; init; }

    /// <summary>The method's name on disk.</summary>
    [JsonIgnore] public string PeftType => GetType().GetCustomAttribute<PeftMethodAttribute>()!.PeftType;

    /// <summary>Reads an adapter_config.json.</summary>
    /// <exception cref="JsonException">Not such a file, of an unknown peft_type, or asking for what the method here cannot do; all problems at once.</exception>
    public static PeftConfig FromJson(string text)
    {
        var source = Members(text);
        if (!source.TryGetValue("peft_type", out var type) || type.ValueKind != JsonValueKind.String)
            throw new JsonException($"The config has no \"peft_type\". Methods are: {string.Join(", ", PeftMethods.All.Keys)}.");
        if (!PeftMethods.All.TryGetValue(type.GetString()!, out var record))
            throw new JsonException($"peft_type \"{type.GetString()}\" is not a method of this build. There are: {string.Join(", ", PeftMethods.All.Keys)}.");
        return FromJson(text, record, source);
    }

    /// <summary>Reads the options of a named method, such as a run file gives them; unlike a saved file it may not hold keys that are unknown, even harmless ones.</summary>
    /// <remarks>The bias <c>adapted</c> stands for the method's own word for the biases of adapted modules.</remarks>
    /// <exception cref="JsonException">Keys the method does not have, all at once, or a value of the wrong kind.</exception>
    /// <exception cref="ArgumentException">No method has that name; those there are are listed.</exception>
    public static PeftConfig FromOptions(string method, string text)
    {
        var config = Read(text, PeftMethods.Find(method));
        var unknown = config.Extra.Keys.Where(k => !aboutTheRun.Contains(k)).ToList();
        if (unknown.Count > 0)
            throw new JsonException($"{config.PeftType} has no option {string.Join(", ", unknown.Select(k => $"\"{k}\""))}. It has: {string.Join(", ", OptionNames(config.GetType()))}.");
        return config.Bias == "adapted" ? config with { Bias = config.BiasOfAdapted } : config;
    }

    /// <summary>The keys a method's options may hold, in alphabetical order.</summary>
    public static IReadOnlyList<string> OptionNames(Type record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return [.. Options(record).Select(o => o.Key).Order(StringComparer.Ordinal)];
    }

    /// <summary>The keys and properties of a method's options, those of all methods first.</summary>
    public static IReadOnlyList<(string Key, PropertyInfo Property)> Options(Type record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return [.. record.GetProperties().Where(p => p.CanWrite && p.GetCustomAttribute<JsonIgnoreAttribute>() is null && p.GetCustomAttribute<JsonExtensionDataAttribute>() is null)
            .OrderBy(p => p.DeclaringType == typeof(PeftConfig) ? 0 : 1)
            .Select(p => (p.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name), p))];
    }

    /// <summary>This config as the text of adapter_config.json: sorted keys, two spaces, no newline at the end, as the reference library writes it.</summary>
    public string ToJson()
    {
        var mine = Members(JsonSerializer.Serialize(this, GetType(), json));
        var text = new Dictionary<string, JsonElement>(Source ?? Members(NewFile)) { ["peft_type"] = JsonSerializer.SerializeToElement(PeftType) };
        var pristine = (PeftConfig)Activator.CreateInstance(GetType())!;
        var unset = Members(JsonSerializer.Serialize(pristine, GetType(), json));
        var read = Source is null ? null : Members(JsonSerializer.Serialize(FromJson(PythonJson.Print(Source), GetType(), Source), GetType(), json));
        foreach (var (key, value) in mine)
        {
            if (read is not null && read.TryGetValue(key, out var was) && JsonElement.DeepEquals(was, value)) continue; // unchanged: as it stood
            if (!text.ContainsKey(key) && unset.TryGetValue(key, out var none) && JsonElement.DeepEquals(none, value)) continue; // ours alone and not used
            text[key] = value;
        }
        return PythonJson.Print(text);
    }

    /// <summary>Looks at what the config selects in a model, before anything is built.</summary>
    public AdaptationPlan Plan(BaseModel model) => AdaptationPlan.For(this, model, isSaved: false);

    /// <summary>Freezes the model and puts one adapter at every site the config selects; they alone act afterwards.</summary>
    /// <param name="model">The base.</param>
    /// <param name="name">What this set of adapters is called in the model.</param>
    /// <exception cref="ArgumentException">An entry that matches nothing or only some layers, a rank the widths do not allow, …: all of them at once; or the name is taken.</exception>
    /// <exception cref="InvalidDataException">An expression that is not done with a module's path in time.</exception>
    public AdapterSet AttachTo(BaseModel model, string name = "default")
    {
        ArgumentNullException.ThrowIfNull(model);
        model.RefuseTakenName(name);
        var set = Plan(model).Build(name);
        set.Attach();
        return set;
    }

    /// <summary>The keys and values a new file of this method holds beyond our options, as the reference library writes them; JSON.</summary>
    /// <remarks>A key that stands here and is no option is harmless at this value and refused at any other.</remarks>
    protected internal virtual string NewFile => """{"auto_mapping":null,"base_model_name_or_path":"","inference_mode":true,"revision":null,"task_type":null}""";

    /// <summary>The word of <see cref="Bias"/> that trains the biases of adapted modules.</summary>
    protected internal virtual string BiasOfAdapted => "adapted_only";

    /// <summary>Whether the reference library's file holds the biases that <see cref="BiasOfAdapted"/> trains.</summary>
    protected internal virtual bool StoresBiases => true;

    /// <summary>Further options that name modules, for the check that each matches an adapted one: the option, the pattern, and whether it is matched from a path's start and not at its end.</summary>
    protected internal virtual IEnumerable<(string Option, string Pattern, bool FromStart)> Patterns => [];

    /// <summary>Whether a new set of this config leaves the model's function as it is.</summary>
    protected internal virtual bool StartsAtBase => true;

    /// <summary>What is wrong with the options by themselves.</summary>
    protected internal virtual IEnumerable<string> Problems() => [];

    /// <summary>The adapter for one site, or null where the method leaves the site alone.</summary>
    /// <param name="site">A selected site.</param>
    /// <param name="construction">What the adapters of the set hold in common; the site that creates a shared module stores it.</param>
    /// <exception cref="ArgumentException">The site's widths do not allow it.</exception>
    /// <exception cref="NotSupportedException">The method has no form for this kind of host.</exception>
    protected internal abstract Adapter? Create(Site site, Construction construction);

    /// <summary>Whether the method trains a tensor of the base itself.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="isAdapted">Whether an adapter of this set stands at its module.</param>
    protected internal virtual bool Trains(BaseTensor tensor, bool isAdapted)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var isBias = tensor.Key.EndsWith(".bias", StringComparison.Ordinal);
        return isBias && (Bias == "all" || (Bias == BiasOfAdapted && isAdapted));
    }

    /// <summary>This config with what a person left to the model: the file then says in full what was adapted.</summary>
    /// <param name="sites">The selected sites.</param>
    /// <remarks>As in the reference library, <c>all-linear</c> becomes the list of the modules it stands for.</remarks>
    protected internal virtual PeftConfig ResolvedFor(IReadOnlyList<Site> sites) =>
        TargetModules is { IsAllLinear: true } && sites.Count > 0 ? this with { TargetModules = new Targets([.. sites.Select(s => s.Name).Order(StringComparer.Ordinal)]) } : this;

    /// <summary>This config with what only the saved tensors tell (a shape that the file's config does not state).</summary>
    /// <param name="file">The tensors of adapter_model.safetensors by key.</param>
    protected internal virtual PeftConfig ShapedBy(IReadOnlyDictionary<string, Checkpoints.TensorEntry> file) => this;

    /// <summary>Whether the method needs sites at all; full fine-tuning does not.</summary>
    protected internal virtual bool NeedsTargets => true;

    /// <summary>Optimiser groups of a set's tensors; one by default.</summary>
    protected internal virtual IReadOnlyList<OptimizerGroup> Groups(IReadOnlyList<(string Key, Parameter Value)> tensors) => [new OptimizerGroup(tensors)];

    private static PeftConfig Read(string text, Type record)
    {
        var method = record.GetCustomAttribute<PeftMethodAttribute>()!.PeftType;
        PeftConfig config;
        try
        {
            config = (PeftConfig)JsonSerializer.Deserialize(text, record, json)!;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new JsonException($"{method}: {(e is JsonException wrong ? WrongKind.Said(wrong, record) : e.Message)}", e);
        }
        var hollow = Members(text).Where(m => !config.Extra.ContainsKey(m.Key) && HoldsNull(m.Value)).Select(m => m.Key).ToList();
        return hollow.Count == 0 ? config : throw new JsonException($"{method}: {string.Join(", ", hollow)} holds null where a name or a number is wanted.");
    }

    private static PeftConfig FromJson(string text, Type record, IReadOnlyDictionary<string, JsonElement> source)
    {
        var config = Read(text, record);
        var harmless = Members(config.NewFile);
        var refused = config.Extra.Where(e => !aboutTheRun.Contains(e.Key) && IsSet(e.Value) && !(harmless.TryGetValue(e.Key, out var value) && JsonElement.DeepEquals(value, e.Value)))
            .Select(e => $"{config.PeftType} here does not know \"{e.Key}\": {e.Value.GetRawText()}. Remove it, or use a method that has it.").ToList();
        if (refused.Count > 0) throw new JsonException(string.Join('\n', refused));
        return config with { Source = source };
    }

    private static Dictionary<string, JsonElement> Members(string text)
    {
        using var document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw new JsonException("A config is one JSON object.");
        return document.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.Clone());
    }

    private static bool HoldsNull(JsonElement value) =>
        value.ValueKind == JsonValueKind.Array && value.EnumerateArray().Any(e => e.ValueKind == JsonValueKind.Null || HoldsNull(e));

    private static bool IsSet(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined or JsonValueKind.False => false,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };
}
