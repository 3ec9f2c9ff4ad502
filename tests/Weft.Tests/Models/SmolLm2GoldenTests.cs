using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Models;
using Weft.Nn;
using Weft.Tests.Methods;
using Weft.Training;

namespace Weft.Tests.Models;

/// <summary>A real 135 M model from its GGUF file, against the reference on the dequantised weights: outputs 1e-5 of the largest value, gradients 1e-4.</summary>
public sealed class SmolLm2GoldenTests
{
    private static string File => SharedData.Path("assets", "smollm2-135m", "model.gguf");

    [Fact]
    public void Every_tensor_has_the_bytes_of_the_reference()
    {
        var expected = JsonNode.Parse(System.IO.File.ReadAllText(SharedData.Path("golden", "smollm2", "weights.json")))!.AsObject();
        var entries = (expected["tensors"] ?? expected).AsObject();
        using var model = Pretrained.Load(File);
        var wrong = new List<string>();
        foreach (var (key, facts) in entries)
        {
            using var scope = NewDisposeScope();
            var tensor = model.Tensors.Single(t => t.Key == key);
            if (Convert.ToHexStringLower(SHA256.HashData(tensor.Pretrained.contiguous().bytes)) != (string)facts!["sha256"]!) wrong.Add(key);
        }
        Assert.Empty(wrong);
        Assert.Equal(entries.Count, model.Tensors.Count(t => t.TiedTo is null));
    }

    [Fact]
    public void A_file_alone_describes_its_model_as_its_config_does()
    {
        using var view = (LlamaGguf)Architectures.FromGguf(Weft.Checkpoints.Gguf.Open(File));
        var config = Pretrained.ReadConfig(File);
        foreach (var (key, value) in view.Config.Where(c => c.Key != "rope_parameters"))
            Assert.True(JsonNode.DeepEquals(config[key], value) || Math.Abs(config[key]!.GetValue<double>() - value!.GetValue<double>()) < 1e-12, $"{key}: {value} for {config[key]}");
        Assert.Equal(config["rope_parameters"]!["rope_theta"]!.GetValue<double>(), view.Config["rope_parameters"]!["rope_theta"]!.GetValue<double>());
    }

    [Fact]
    public void Hidden_states_logits_and_losses_equal_the_reference()
    {
        var folder = SharedData.Path("golden", "smollm2", "forward");
        using var model = Pretrained.Load(File);
        using var inputs = Checkpoint.Open(Path.Combine(folder, "inputs.safetensors"));
        using var outputs = Checkpoint.Open(Path.Combine(folder, "outputs.safetensors"));
        var compared = 0;
        foreach (var run in inputs.Tensors.Keys.Where(k => k.EndsWith(".input_ids", StringComparison.Ordinal)).Select(k => k[..^".input_ids".Length]))
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var ids = inputs.Read($"{run}.input_ids");
            var states = new List<Tensor>();
            model.Hidden(new TokenInput(ids), states: states);
            foreach (var key in outputs.Tensors.Keys.Where(k => k.StartsWith($"{run}.", StringComparison.Ordinal)))
            {
                var what = key[(run.Length + 1)..];
                var ours = what switch
                {
                    "logits" => model.Logits(new TokenInput(ids)),
                    "loss" => model.Loss(new TokenInput(ids), ids) / (ids.numel() - ids.shape[0]),
                    _ when what.StartsWith("hidden.", StringComparison.Ordinal) => states[int.Parse(what["hidden.".Length..], System.Globalization.CultureInfo.InvariantCulture)],
                    _ => null,
                };
                if (ours is null) continue;
                Closeness.Check(key, ours, outputs.Read(key), 1e-5);
                compared++;
            }
        }
        Assert.True(compared >= 12, $"only {compared} outputs were compared");
    }

    [Theory, InlineData("adapter-wegeft"), InlineData("adapter-lora")]
    public void Adapters_give_the_logits_losses_and_gradients_of_the_reference(string name)
    {
        var folder = SharedData.Path("golden", "smollm2", name);
        using var model = Pretrained.Load(File);
        using var inputs = Checkpoint.Open(Path.Combine(folder, "inputs.safetensors"));
        using var outputs = Checkpoint.Open(Path.Combine(folder, "outputs.safetensors"));
        using var scope = NewDisposeScope();
        var adapters = AdapterSet.Load(Path.Combine(folder, "adapter"), model);
        using (no_grad()) Closeness.Check("short.logits", model.Logits(new TokenInput(inputs.Read("short.input_ids"))), outputs.Read("short.logits"), 1e-5);
        var labels = inputs.Read("long.labels");
        var loss = model.Loss(new TokenInput(inputs.Read("long.input_ids")), labels) / labels.narrow(1, 1, labels.shape[1] - 1).ne(-100).sum();
        Closeness.Check("long.loss", loss, outputs.Read("long.loss"), 1e-5);
        loss.backward();
        var gradients = outputs.Tensors.Keys.Where(k => k.StartsWith("grad.", StringComparison.Ordinal)).ToList();
        var largest = gradients.Max(k => outputs.Read(k).abs().max().item<float>());
        Assert.NotEmpty(gradients);
        foreach (var key in gradients)
            Closeness.Check(key, adapters.Parameters.Single(p => p.Key == key["grad.".Length..]).Value.grad!, outputs.Read(key), 1e-4, 1e-3 * largest);
    }

    [Theory, InlineData("train-wegeft"), InlineData("train-lora")]
    public void Ten_steps_equal_the_reference_in_loss_gradient_norm_and_held_out_loss(string name)
    {
        using var golden = new GoldenCase("smollm2", name);
        var set = golden.Load();
        var (steps, heldOut) = (golden.Inputs.Read("train.input_ids"), golden.Inputs.Read("heldout.input_ids"));
        Tensor HeldOut()
        {
            using var _ = no_grad();
            return GoldenCase.Loss(golden.Model, new TokenInput(heldOut), heldOut);
        }
        Closeness.Check("heldout_nll_before", HeldOut(), golden.Expected("heldout_nll_before"), 1e-6);
        var norms = new List<double>();
        var limit = golden.Facts.GetProperty("training").GetProperty("clip").GetDouble();
        var losses = golden.Train(set, i => (new TokenInput(steps[i]), steps[i]), (int)steps.shape[0], afterBackward: _ =>
        {
            var gradients = set.Parameters.Select(p => p.Value.grad!).ToList();
            var norm = GradientNorm.Of(gradients);
            GradientNorm.Scale(gradients, norm, limit);
            norms.Add(norm.item<float>());
        });
        // Ten updates of AdamW, whose first are sign-like, carry rounding on; the first step has none of it.
        Closeness.Check("trace.loss", tensor(losses[..1].ToArray()), golden.Expected("trace.loss")[..1], 1e-6);
        Closeness.Check("trace.grad_norm", tensor(norms[..1].ToArray()), golden.Expected("trace.grad_norm")[..1], 1e-4);
        Closeness.Check("trace.loss", tensor(losses.ToArray()), golden.Expected("trace.loss"), 1e-4);
        Closeness.Check("trace.grad_norm", tensor(norms.ToArray()), golden.Expected("trace.grad_norm"), 1e-3);
        Closeness.Check("heldout_nll_after", HeldOut(), golden.Expected("heldout_nll_after"), 1e-5);
    }
}
