using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Methods;
using Weft.Models;
using Weft.Nn;

namespace Weft.Tests.Models;

/// <summary>Outputs and gradients of the reference implementation: fp32, 1e-5 of the largest value, gradients 1e-4 with the floor their README gives.</summary>
public sealed class LlamaGoldenTests
{
    public static TheoryData<string> Cases => [.. SharedData.Cases("golden", "models").Where(c => (c.StartsWith("llama", StringComparison.Ordinal) && c != "llama-sequence") || c == "mistral").DefaultIfEmpty("llama")];

    [Theory, MemberData(nameof(Cases))]
    public void Outputs_and_gradients_equal_the_reference(string name)
    {
        var folder = SharedData.Path("golden", "models", name);
        using var model = Pretrained.Load(Path.Combine(folder, "model"));
        Compare(model, folder);
    }

    [Theory, MemberData(nameof(Cases))]
    public void A_config_in_the_older_words_gives_the_same(string name)
    {
        var folder = SharedData.Path("golden", "models", name);
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config_v4.json")))!.AsObject();
        using var model = Architectures.Create(config, Weights.From(Checkpoint.Open(Path.Combine(folder, "model")), float32), name);
        Compare(model, folder);
    }

    private static void Compare(CausalModel model, string folder)
    {
        using var scope = NewDisposeScope();
        using var inputs = Checkpoint.Open(Path.Combine(folder, "inputs.safetensors"));
        using var outputs = Checkpoint.Open(Path.Combine(folder, "outputs.safetensors"));
        var full = new FullConfig().AttachTo(model);
        foreach (var run in new[] { "right", "left", "left_without_position_ids", "long" })
        {
            if (!outputs.Tensors.ContainsKey($"{run}.logits")) continue;
            var source = run == "left_without_position_ids" ? "left" : run;
            Tensor? In(string n) => inputs.Tensors.ContainsKey($"{source}.{n}") ? inputs.Read($"{source}.{n}") : null;
            var input = new TokenInput(In("input_ids")!, In("attention_mask"), run == "left_without_position_ids" ? null : In("position_ids"));
            var real = input.Mask is null ? ones(input.Ids.shape) : input.Mask.to(float32);
            using var _ = no_grad();
            Closeness.Check($"{run}.logits", model.Logits(input) * real.unsqueeze(-1), outputs.Read($"{run}.logits"), 1e-5);
            var states = new List<Tensor>();
            model.Hidden(input, states: states);
            for (var i = 0; i < states.Count; i++)
                if (outputs.Tensors.ContainsKey($"{run}.hidden.{i}"))
                    Closeness.Check($"{run}.hidden.{i}", states[i] * real.unsqueeze(-1), outputs.Read($"{run}.hidden.{i}"), 1e-5);
            if (In("labels") is not { } labels || !outputs.Tensors.ContainsKey($"{run}.loss")) continue;
            var count = labels.narrow(1, 1, labels.shape[1] - 1).ne(-100).sum().item<long>();
            Closeness.Check($"{run}.loss", model.Loss(input, labels) / count, outputs.Read($"{run}.loss"), 1e-5);
        }

        var gradients = outputs.Tensors.Keys.Where(k => k.StartsWith("grad.", StringComparison.Ordinal)).ToList();
        if (gradients.Count == 0) return;
        var batch = new TokenInput(inputs.Read("right.input_ids"), inputs.Read("right.attention_mask"));
        var marks = inputs.Read("right.labels");
        (model.Loss(batch, marks) / marks.narrow(1, 1, marks.shape[1] - 1).ne(-100).sum()).backward();
        var largest = gradients.Max(k => outputs.Read(k).abs().max().item<float>());
        foreach (var key in gradients)
        {
            var ours = full.TrainedTensors.First(t => t.Tensor.Key == key["grad.".Length..]).Value.grad;
            Closeness.Check(key, ours!, outputs.Read(key).to(float32), 1e-4, 1e-3 * largest);
        }
    }
}
