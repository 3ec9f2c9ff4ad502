using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Models;
using static TorchSharp.torch;

namespace Weft.Cli.Verification;

/// <summary>Runs a model in fp32 on given inputs and compares with what another implementation made of them.</summary>
internal sealed class Verifier
{
    private readonly VerifyRequest request;
    private readonly CausalModel model;
    private readonly AdapterSet? adapter;
    private readonly RunInputs inputs;
    private readonly Checkpoint expected;
    private readonly Dictionary<string, Comparison> compared = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> notChecked = new(StringComparer.Ordinal);

    private Verifier(VerifyRequest request, CausalModel model, AdapterSet? adapter, RunInputs inputs, Checkpoint expected) =>
        (this.request, this.model, this.adapter, this.inputs, this.expected) = (request, model, adapter, inputs, expected);

    /// <summary>Compares everything expected that can be computed, and says of the rest why not.</summary>
    /// <exception cref="FileNotFoundException">A file or folder is missing; all that are missing are listed.</exception>
    /// <exception cref="InvalidDataException">A file is broken, or an input holds an id that the model has not.</exception>
    /// <exception cref="NotSupportedException">The model is not one that predicts the next token.</exception>
    /// <exception cref="ArgumentException">Gradients are asked of a run that the inputs do not have.</exception>
    public static VerifyReport Run(VerifyRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        RequireFiles(request);
        RequireCausal(request.Model);
        using var scope = NewDisposeScope();
        using var inputFile = Safetensors.Open(request.Inputs);
        using var expectedFile = Safetensors.Open(request.Expected);
        using var model = Pretrained.Load(request.Model);
        var adapter = request.Adapter is null ? null : AdapterSet.Load(request.Adapter, model);
        var verifier = new Verifier(request, model, adapter, new RunInputs(inputFile, model.VocabularySize), expectedFile);
        verifier.CompareAll();
        return new VerifyReport(
            request,
            [.. expectedFile.Tensors.Keys.Where(verifier.compared.ContainsKey).Select(k => verifier.compared[k])],
            [.. expectedFile.Tensors.Keys.Where(verifier.notChecked.ContainsKey).Select(k => new Unchecked(k, verifier.notChecked[k]))],
            [.. request.Tolerances.Notes, .. adapter?.Notes ?? []]);
    }

    private static void RequireFiles(VerifyRequest request)
    {
        var missing = new[] { ("inputs", request.Inputs), ("expected tensors", request.Expected) }.Where(f => !File.Exists(f.Item2)).Select(f => $"  {f.Item1}: no file {f.Item2}").ToList();
        if (request.Adapter is { } adapter && !Directory.Exists(adapter)) missing.Add($"  the adapter: no folder {adapter}");
        if (missing.Count > 0) throw new FileNotFoundException($"There is nothing to verify with. Missing:\n{string.Join('\n', missing)}");
    }

    private static void RequireCausal(string model)
    {
        var found = Pretrained.Find(model);
        if (!File.Exists(Path.Combine(found, "config.json"))) return; // a .gguf file says by itself what it is
        if (Pretrained.ReadConfig(found)["architectures"] is JsonArray { Count: > 0 } names && names[0] is JsonValue value && value.TryGetValue<string>(out var name)
            && !name.EndsWith("ForCausalLM", StringComparison.Ordinal) && !name.EndsWith("LMHeadModel", StringComparison.Ordinal))
            throw new NotSupportedException($"{model} holds a {name}, and models that predict the next token (…ForCausalLM) are what can be verified.");
    }

    private void CompareAll()
    {
        if (request.GradientsOf is { } named && !inputs.Names.Contains(named))
            throw new ArgumentException($"Gradients are asked of the run \"{named}\", and {request.Inputs} has {(inputs.Names.Count == 0 ? "no run: no name in it is or ends in input_ids" : $"these runs: {string.Join(", ", inputs.Names.Select(n => n.Length == 0 ? "the one without a prefix" : n))}")}.");
        var quantities = new List<Quantity>();
        foreach (var name in expected.Tensors.Keys)
            if (Quantity.Parse(name, inputs.Names) is { } quantity) quantities.Add(quantity);
            else notChecked[name] = Quantity.WhyUnknown(name);

        foreach (var state in quantities.GroupBy(q => q.State).OrderBy(g => g.Key))
            if (request.WhyNoAdapter is { } why && state.Key != WeightState.Base) Leave(state, why);
            else if (state.Key == WeightState.Merged && adapter is null) Leave(state, "there is no adapter to merge");
            else if (state.Key == WeightState.Merged) CompareMerged([.. state]);
            else if (state.Key == WeightState.Base && adapter is not null)
            {
                model.DisableAdapters();
                Compare([.. state], WeightState.Base);
                model.Activate(adapter.Name);
            }
            else Compare([.. state], state.Key);
    }

    private void CompareMerged(IReadOnlyList<Quantity> quantities)
    {
        using var scope = NewDisposeScope();
        var before = model.Tensors.ToDictionary(t => t.Key, t => t.Pretrained);
        try
        {
            Merging.Into(model, keepBits: true, budget: double.PositiveInfinity); // how far outputs move is what is compared
        }
        catch (NotSupportedException e)
        {
            Leave(quantities, $"the adapter does not merge: {e.Message}");
            return;
        }
        foreach (var change in quantities.Where(q => q.Kind == QuantityKind.Change))
            if (Base(change) is { } tensor) Close(change, tensor.Value.to(ScalarType.Float64) - before[change.Key].to(ScalarType.Float64));
        Compare([.. quantities.Where(q => q.Kind != QuantityKind.Change)], WeightState.Merged);
    }

    private void Compare(IReadOnlyList<Quantity> quantities, WeightState state)
    {
        foreach (var weight in quantities.Where(q => q.Kind == QuantityKind.Weight))
            if (Base(weight) is { } tensor) Close(weight, tensor.Value);
        foreach (var ids in quantities.Where(q => q.Kind == QuantityKind.Ids)) CompareIds(ids);
        foreach (var outputs in quantities.Where(q => q.Kind is QuantityKind.Logits or QuantityKind.Hidden or QuantityKind.Loss).GroupBy(q => q.Run!))
            if (RunOf(outputs, outputs.Key) is { } run) CompareOutputs([.. outputs], run);
        foreach (var gradients in quantities.Where(q => q.Kind == QuantityKind.Gradient).GroupBy(q => q.Run ?? request.GradientsOf ?? (inputs.Names.Contains("") ? "" : "right")))
            if (RunOf(gradients, gradients.Key) is { } run) CompareGradients([.. gradients], run, state);
    }

    private void CompareOutputs(IReadOnlyList<Quantity> quantities, ModelRun run)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var real = run.Input!.Mask?.flatten().nonzero().reshape(-1);
        var states = new List<Tensor>();
        if (quantities.Any(q => q.Kind == QuantityKind.Hidden)) model.Hidden(run.Input, states: states);
        foreach (var quantity in quantities)
            if (quantity.Kind == QuantityKind.Loss)
            {
                if (MeanLoss(run) is { } loss) Close(quantity, loss);
                else Leave([quantity], $"{run.Title} has no labels, which say what the loss is over");
            }
            else if (real is not null && real.numel() == 0) Leave([quantity], $"{run.Title} is padding throughout");
            else if (quantity.Kind == QuantityKind.Logits) Close(quantity, model.Logits(run.Input), real);
            else if (quantity.Layer < states.Count) Close(quantity, states[quantity.Layer], real);
            else compared[quantity.Name] = new Comparison(quantity.Name, double.NaN, 0, "a hidden state", $"the model has hidden.0 to hidden.{states.Count - 1}");
    }

    private void CompareGradients(IReadOnlyList<Quantity> quantities, ModelRun run, WeightState state)
    {
        if (run.Labels is null)
        {
            Leave(quantities, $"{run.Title} has no labels, so there is no loss to differentiate");
            return;
        }
        using var scope = NewDisposeScope();
        var values = new Dictionary<string, Tensor>();
        var trained = state == WeightState.Loaded && adapter is not null ? adapter.Parameters.ToDictionary(p => p.Key, p => (Tensor)p.Value) : [];
        foreach (var quantity in quantities)
            if (trained.TryGetValue(quantity.Key, out var parameter)) values[quantity.Name] = parameter;
            else if (Base(quantity) is { } tensor) values[quantity.Name] = tensor.Value;
        if (values.Count == 0) return;
        // Frozen weights record gradients for this one pass; their numbers are not touched, and no copy of the model is needed.
        var frozen = values.Values.Where(v => !v.requires_grad).ToList();
        foreach (var value in frozen) value.requires_grad_(true);
        try
        {
            MeanLoss(run)!.backward();
            var floor = (Value: request.Tolerances.GradientFloor * LargestGradient(quantities), Name: $"{Comparison.Short(request.Tolerances.GradientFloor)} of the largest gradient, that is of");
            foreach (var quantity in quantities)
                if (values.TryGetValue(quantity.Name, out var value)) Close(quantity, value.grad ?? zeros_like(value), floor: floor);
        }
        finally
        {
            foreach (var value in values.Values.Concat(trained.Values)) value.grad = null;
            foreach (var value in frozen) value.requires_grad_(false);
        }
    }

    private void CompareIds(Quantity quantity)
    {
        var source = inputs.Names.Contains("generate") ? "generate" : "left";
        if (!inputs.Names.Contains(source))
        {
            Leave([quantity], "the inputs have neither generate.input_ids nor left.input_ids");
            return;
        }
        if (RunOf([quantity], source) is not { } run) return;
        using var scope = NewDisposeScope();
        var tokens = expected.Read(quantity.Name);
        var ends = GreedyDecoding.EndsOf(request.Model, model.Config);
        var count = tokens.shape is [_, var columns] ? columns : 0;
        compared[quantity.Name] = count == 0 || tokens.is_floating_point()
            ? new Comparison(quantity.Name, double.NaN, 0, "equal tokens", $"expected are {tokens.dtype} ({string.Join(", ", tokens.shape)}) for integers (batch, tokens)")
            : Comparison.OfTokens(quantity.Name, GreedyDecoding.Run(model, run.Input!, (int)count, ends), tokens, ends);
    }

    private Tensor? MeanLoss(ModelRun run)
    {
        if (run.Labels is not { } labels) return null;
        var count = labels.narrow(1, 1, labels.shape[1] - 1).ne(Weft.Nn.CausalLoss.Ignored).sum();
        return model.Loss(run.Input!, labels) / count;
    }

    private double LargestGradient(IEnumerable<Quantity> quantities) => quantities.Max(q =>
    {
        using var scope = NewDisposeScope();
        return expected.Read(q.Name, ScalarType.Float64).abs().nan_to_num().flatten().max().item<double>();
    });

    private void Close(Quantity quantity, Tensor ours, Tensor? real = null, (double Value, string Name)? floor = null)
    {
        using var scope = NewDisposeScope();
        var theirs = expected.Read(quantity.Name);
        if (quantity.Kind == QuantityKind.Loss && theirs.numel() == 1) theirs = theirs.reshape([]); // stored as one number or as a list of one
        compared[quantity.Name] = Comparison.Of(quantity.Name, ours, theirs, request.Tolerances.Of(quantity), real, floor);
    }

    private BaseTensor? Base(Quantity quantity)
    {
        var tensor = model.Tensors.FirstOrDefault(t => t.Key == quantity.Key);
        if (tensor is null) notChecked[quantity.Name] = quantity.Kind == QuantityKind.Gradient
            ? adapter is null ? "the checkpoint has no tensor of that key" : "neither the checkpoint nor the adapter has a tensor of that key"
            : $"\"{quantity.Key}\" is neither a quantity nor a tensor of the model";
        return tensor;
    }

    private ModelRun? RunOf(IEnumerable<Quantity> quantities, string name)
    {
        if (!inputs.Names.Contains(name))
        {
            Leave(quantities, name.Length == 0 ? "the inputs have no input_ids without a prefix" : $"the inputs have no run for it: neither input_ids nor {name}.input_ids");
            return null;
        }
        var run = inputs.Of(name);
        if (run.WhyNot is { } why) Leave(quantities, $"{run.Title} is not made: {why}");
        return run.WhyNot is null ? run : null;
    }

    private void Leave(IEnumerable<Quantity> quantities, string why)
    {
        foreach (var quantity in quantities) notChecked[quantity.Name] = why;
    }
}
