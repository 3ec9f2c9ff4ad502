using System.Text.Json;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Models;
using Weft.Nn;
using Weft.Training;

namespace Weft.Tests.Methods;

/// <summary>One case of the reference outputs of adapters: base model, adapter folder, batch, expected numbers and their tolerances.</summary>
/// <remarks>Differences are relative to the largest absolute value of the expected tensor; a gradient's are measured against at least 1/1000 of the case's largest gradient.</remarks>
internal sealed class GoldenCase : IDisposable
{
    private readonly string folder;
    private readonly DisposeScope scope = NewDisposeScope();

    public GoldenCase(string suite, string name)
    {
        folder = SharedData.Path("golden", suite, name);
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "case.json")));
        Facts = document.RootElement.Clone();
        Inputs = Open(Facts.TryGetProperty("inputs", out var elsewhere) ? elsewhere.GetString()! : "inputs.safetensors");
        Outputs = Open("outputs.safetensors");
        Model = Facts.TryGetProperty("model", out var model) ? LoadBase(model.GetString()!) : Facts.TryGetProperty("base", out model) ? LoadBase(model.GetString()!) : null!;
    }

    public JsonElement Facts { get; }

    public Checkpoint Inputs { get; }

    public Checkpoint Outputs { get; }

    public CausalModel Model { get; set; }

    /// <summary>A path of the case's folder.</summary>
    public string File_(params string[] parts) => Path.Combine([folder, .. parts]);

    public double Tolerance(string kind, double otherwise) =>
        Facts.TryGetProperty("tolerance", out var all) && all.ValueKind == JsonValueKind.Object && all.TryGetProperty(kind, out var own) ? own.GetDouble() : otherwise;

    /// <summary>A model by its path from the case's folder or from any folder above it.</summary>
    public CausalModel LoadBase(string model, ScalarType matrices = ScalarType.Float32)
    {
        var from = new DirectoryInfo(folder);
        while (!Directory.Exists(Path.Combine(from.FullName, model))) from = from.Parent ?? throw new DirectoryNotFoundException($"{model} is in no folder from {folder} upwards.");
        return Pretrained.Load(Path.GetFullPath(Path.Combine(from.FullName, model)), matrices);
    }

    public AdapterSet Load(string adapter = "adapter", string name = "default") => AdapterSet.Load(Path.GetFullPath(File_(adapter.Split('/'))), Model, name);

    /// <summary>The batch under a prefix (<c>b1.</c>), or one step of a batch that has a leading axis of steps.</summary>
    public TokenInput Batch(string prefix = "", int? step = null) => new(Input($"{prefix}input_ids", step)!, Input($"{prefix}attention_mask", step));

    public Tensor Labels(string prefix = "", int? step = null) => Input($"{prefix}labels", step) ?? Input($"{prefix}input_ids", step)!;

    public Tensor Expected(string key) => Outputs.Read(key);

    public bool Expects(string key) => Outputs.Tensors.ContainsKey(key);

    public void CheckLogits(string key, double? tolerance = null, string prefix = "", Call? call = null)
    {
        using var _ = no_grad();
        var batch = Batch(prefix);
        using var entered = call?.Enter();
        var logits = Model.Logits(batch, call: call);
        var real = (batch.Mask ?? ones_like(batch.Ids)).unsqueeze(-1).to(float32);
        Closeness.Check(key, logits * real, Expected(key) * real, tolerance ?? Tolerance("logits", 1e-5));
    }

    /// <summary>Mean loss over supervised tokens.</summary>
    public static Tensor Loss(CausalModel model, TokenInput batch, Tensor labels) =>
        model.Loss(batch, labels) / labels.narrow(1, 1, labels.shape[1] - 1).ne(CausalLoss.Ignored).sum();

    /// <summary>Loss and the gradient of every trained tensor; nothing trained is left out and nothing expected is passed over.</summary>
    public void CheckLossAndGradients(AdapterSet set, Func<string, string>? inCase = null)
    {
        var loss = Loss(Model, Batch(), Labels());
        Closeness.Check("loss", loss.reshape(1), Expected("loss").reshape(1), Tolerance("loss", 1e-5));
        loss.backward();
        CheckGradients(set, key => "grad." + (inCase?.Invoke(key) ?? key));
        Assert.All(Model.Tensors, t => Assert.True(t.Override is not null || t.Pretrained.grad is null, $"{t.Key} is frozen and has a gradient"));
    }

    public void CheckGradients(AdapterSet set, Func<string, string> inCase)
    {
        var expected = set.Parameters.ToDictionary(p => p.Key, p => Expected(inCase(p.Key)));
        var largest = expected.Values.Max(g => g.abs().max().item<float>());
        foreach (var (key, value) in set.Parameters)
            Closeness.Check($"grad.{key}", value.grad ?? zeros_like(value), expected[key], Tolerance("grad", 1e-4), 1e-3 * largest);
    }

    /// <summary>What merging adds, the merged weights and the merged model's logits; unmerging restores the base bit for bit.</summary>
    public void CheckMerge(string logits)
    {
        var before = Model.Tensors.ToDictionary(t => t.Key, t => t.Pretrained.clone());
        foreach (var key in Outputs.Tensors.Keys.Where(k => k.StartsWith("delta.", StringComparison.Ordinal)))
            Closeness.Check(key, Change(key["delta.".Length..]), Expected(key), Tolerance("delta", 1e-5));
        var merging = Merging.Into(Model, keepBits: true);
        foreach (var key in Outputs.Tensors.Keys.Where(k => k.StartsWith("merged.", StringComparison.Ordinal) && k != logits))
            Closeness.Check(key, Model.Tensors.First(t => t.Key == key["merged.".Length..]).Pretrained, Expected(key), Tolerance("merged", 1e-5));
        CheckLogits(logits);
        merging.Unmerge();
        Assert.All(Model.Tensors, t => Assert.True(Bits.Same(t.Pretrained, before[t.Key]), $"{t.Key} is not restored"));
    }

    public Tensor Change(string key)
    {
        using var _ = no_grad();
        var module = key[..key.LastIndexOf('.')];
        var place = Model.Adapters.Values.SelectMany(s => s.Places).First(p => p.Site.Name == module);
        return place.Adapter.Changes(place.Site.Host)[key[(module.Length + 1)..]];
    }

    /// <summary>Steps of AdamW as the case describes them, each loss taken before its update.</summary>
    public List<double> Train(AdapterSet set, Func<int, (TokenInput Batch, Tensor Labels)> step, int? steps = null, Action<int>? afterBackward = null)
    {
        var training = Facts.GetProperty("training");
        var betas = training.GetProperty("betas");
        using var optimizer = new AdamW(set.Groups, betas[0].GetDouble(), betas[1].GetDouble(), training.GetProperty("eps").GetDouble(), training.GetProperty("weight_decay").GetDouble());
        var losses = new List<double>();
        for (var i = 0; i < (steps ?? training.GetProperty("steps").GetInt32()); i++)
        {
            using var step_ = NewDisposeScope();
            foreach (var (_, value) in set.Parameters) value.grad?.zero_();
            var (batch, labels) = step(i);
            var loss = Loss(Model, batch, labels);
            losses.Add(loss.item<float>());
            loss.backward();
            afterBackward?.Invoke(i);
            optimizer.Update(training.GetProperty("lr").GetDouble());
        }
        return losses;
    }

    /// <summary>The written folder equals the one that was read, byte for byte.</summary>
    public void CheckBytes(AdapterSet set, string adapter = "adapter")
    {
        using var written = new Checkpoints.TemporaryFolder();
        set.Save(written.Path);
        foreach (var file in new[] { "adapter_config.json", "adapter_model.safetensors" })
            Assert.True(File.ReadAllBytes(written.File(file)).AsSpan().SequenceEqual(File.ReadAllBytes(File_([.. adapter.Split('/'), file]))), $"{file} differs from the one that was read");
    }

    public void Dispose()
    {
        Model?.Dispose();
        Inputs.Dispose();
        Outputs.Dispose();
        scope.Dispose();
    }

    private Tensor? Input(string key, int? step)
    {
        if (!Inputs.Tensors.ContainsKey(key)) return null;
        var value = Inputs.Read(key);
        return step is { } i ? value[i] : value;
    }

    private Checkpoint Open(string file) => Checkpoint.Open(Path.Combine(folder, file));
}
