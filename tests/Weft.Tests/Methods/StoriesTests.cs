using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Data;
using Weft.Methods;
using Weft.Models;
using Weft.Nn;
using Weft.Training;

namespace Weft.Tests.Methods;

/// <summary>A real model trained: golden/wegeft stories-* (50 steps) and the asset's own traces (10 steps of full, LoRA, WeGeFT).</summary>
public sealed class StoriesTests
{
    [Theory]
    [InlineData("stories-wegeft", 3424, 3.6293), InlineData("stories-wegeft-zero-psi", 3424, 3.6114), InlineData("stories-wegeft-layerwise", 5120, 3.7136), InlineData("stories-lora", 15840, 3.5321)]
    public void Fifty_steps_follow_the_reference_to_its_held_out_loss(string name, long trained, double heldOut)
    {
        using var golden = new GoldenCase("wegeft", name);
        using var windows = Checkpoint.Open(SharedData.Path("golden", "wegeft", "stories-wegeft", "inputs.safetensors"));
        var set = golden.Load();
        Assert.Equal(trained, set.Count);
        Assert.Equal(4.4855, HeldOut(golden.Model, windows), 4);
        var ids = windows.Read("train.input_ids");
        var norms = new List<double>();
        var losses = golden.Train(set, i => (new TokenInput(ids[i]), ids[i]), afterBackward: i =>
        {
            norms.Add(Math.Sqrt(set.Parameters.Sum(p => p.Value.grad is { } g ? g.pow(2).sum().item<float>() : 0.0)));
            if (i == 0) golden.CheckGradients(set, key => "grad." + key);
        });
        Closeness.Check("trace.loss", tensor(losses[..10].ToArray()), golden.Expected("trace.loss")[..10], golden.Tolerance("trace first 10 steps", 0));
        Closeness.Check("trace.loss", tensor(losses.ToArray()), golden.Expected("trace.loss"), golden.Tolerance("trace all steps", 0));
        Closeness.Check("trace.grad_norm", tensor(norms[..10].ToArray()), golden.Expected("trace.grad_norm")[..10], 1e-3); // no tolerance of its own in the case
        Assert.Equal(heldOut, HeldOut(golden.Model, windows), 3);
        Closeness.Check("final_logits", golden.Model.Logits(new TokenInput(windows.Read("heldout.input_ids")[..2, ..12])), golden.Expected("final_logits"), 2e-3); // what 50 steps make of rounding; the case measures up to 2e-4
        using var last = Checkpoint.Open(golden.File_("adapter-final", "adapter_model.safetensors"));
        foreach (var (key, value) in set.Parameters) Closeness.Check(key, value, last.Read(key), golden.Tolerance("final", 0));
        Assert.Equal(golden.Expected("greedy.ids").data<long>().ToArray(), Greedy(golden.Model, windows.Read("heldout.input_ids")[0, ..16], 48));
    }

    [Fact]
    public void A_trained_adapter_serves_attached_merged_exported_and_taken_out_again()
    {
        using var golden = new GoldenCase("wegeft", "stories-serving");
        using var windows = Checkpoint.Open(SharedData.Path("golden", "wegeft", "stories-wegeft", "inputs.safetensors"));
        var set = golden.Load("../stories-wegeft/adapter-final");
        golden.CheckLogits("logits");
        Assert.Equal(3.6293, HeldOut(golden.Model, windows), 4);
        using var folder = new Checkpoints.TemporaryFolder();
        LoraExport.Write(set, folder.Path);
        var before = golden.Model.Tensors.ToDictionary(t => t.Key, t => t.Pretrained.clone());
        golden.CheckMerge("merged_logits");

        var merging = Merging.Into(golden.Model);
        Assert.Equal(3.6293, HeldOut(golden.Model, windows), 4);
        merging.Unmerge(); // closed form: 1.5e-7 in fp32 is what the case measures
        foreach (var tensor in golden.Model.Tensors) Closeness.Check(tensor.Key, tensor.Pretrained, before[tensor.Key], 1e-6);
        golden.CheckLogits("logits");

        set.Detach();
        AdapterSet.Load(folder.Path, golden.Model, force: true);
        golden.CheckLogits("lora_logits");
    }

    [Fact]
    public void Losses_of_the_untouched_model_and_its_greedy_text_are_those_of_the_asset()
    {
        var (facts, tensors) = Asset();
        using var model = LoadStories();
        using var _ = no_grad();
        var batch = tensors.Read("batches")[0];
        Assert.Equal((double)facts["loss_batch0"]!, GoldenCase.Loss(model, new TokenInput(batch), batch).item<float>(), 5);
        var ids = tensors.Read("greedy.ids").data<long>().ToArray();
        Assert.Equal(ids[1..], Greedy(model, tensor(ids[..1]), ids.Length - 1));
    }

    [Fact]
    public void Losses_of_whole_stories_are_those_of_the_asset()
    {
        var (facts, _) = Asset();
        using var model = LoadStories();
        using var frozen = no_grad();
        var tokenizer = Tokenizer.Load(SharedData.Path("assets", "stories260K", "hf"));
        var stories = File.ReadAllText(SharedData.Path("assets", "text", "tinystories_sample.txt")).Split("<|endoftext|>").Select(s => s.Trim());
        foreach (var story in facts["tinystories_nll"]!.AsArray())
        {
            var ids = tokenizer.Encode(stories.First(s => s.StartsWith((string)story!["first_chars"]!, StringComparison.Ordinal)));
            Assert.Equal((int)story!["n_tokens"]!, ids.Length);
            using var row = tensor(ids.Select(i => (long)i).ToArray()).unsqueeze(0);
            Assert.Equal((double)story["mean_nll"]!, GoldenCase.Loss(model, new TokenInput(row), row).item<float>(), 5);
        }
    }

    [Fact]
    public void Every_gradient_of_full_fine_tuning_and_ten_steps_equal_the_asset()
    {
        var (facts, tensors) = Asset();
        using var model = LoadStories();
        var set = new FullConfig().AttachTo(model);
        Assert.Equal((long)facts["params_total"]!, set.Count);
        var trace = Train(model, set, tensors, 1e-3, 0.01, () =>
        {
            var expected = set.TrainedTensors.ToDictionary(t => t, t => tensors.Read($"grad.{t.Tensor.Key}"));
            var largest = expected.Values.Max(g => g.abs().max().to(float64).item<double>());
            foreach (var (trained, gradient) in expected) Closeness.Check(trained.Tensor.Key, trained.Value.grad!, gradient, 1e-4, 1e-3 * largest);
        });
        CheckTrace(facts, "full_ft_adamw_lr1e-3_wd0.01", trace);
        CheckAfter(tensors, "full_ft.after10.", key => set.TrainedTensors.First(t => t.Tensor.Key == key).Value);
    }

    [Fact]
    public void Ten_steps_of_LoRA_equal_the_asset()
    {
        var (facts, tensors) = Asset();
        using var model = LoadStories();
        var set = new LoraConfig { Rank = 4, Alpha = 8, TargetModules = new Targets("q_proj", "v_proj") }.AttachTo(model);
        Start(set, "lora_A", key => tensors.Read($"lora.init.{key["base_model.model.".Length..]}"));
        CheckTrace(facts, "lora_r4_alpha8_qv_adamw_lr1e-2_wd0", Train(model, set, tensors, 1e-2, 0));
        CheckAfter(tensors, "lora.after10.", key => set.Parameters.First(p => p.Key == $"base_model.model.{key}").Value);
    }

    [Fact]
    public void Ten_steps_of_WeGeFT_from_a_zero_psi_equal_the_asset()
    {
        var (facts, tensors) = Asset();
        using var model = LoadStories();
        var set = new WegeftConfig { Rank = 4, Alpha = 4, ZeroInit = "psi", TargetModules = new Targets("q_proj", "v_proj") }.AttachTo(model);
        Start(set, "wegeft_phi", key => tensors.Read($"gift.init.in_projections.{(key.Contains("q_proj", StringComparison.Ordinal) ? "q_proj" : "v_proj")}.weight"));
        CheckTrace(facts, "gift_wegeft_r4_qv_shared_adamw_lr1e-2_wd0", Train(model, set, tensors, 1e-2, 0));
        // The older layout holds Ψ as (in, r).
        CheckAfter(tensors, "gift.after10.", key =>
        {
            var (kind, module) = (key.Split('.')[0], key.Split('.')[1]);
            var value = set.Parameters.First(p => p.Key.Contains(module, StringComparison.Ordinal) && p.Key.Contains(kind == "in_projections" ? "phi" : "psi", StringComparison.Ordinal)).Value;
            return kind == "in_projections" ? value : value.t();
        });
    }

    private static (JsonNode Facts, Checkpoint Tensors) Asset() =>
        (JsonNode.Parse(File.ReadAllText(SharedData.Path("assets", "stories260K", "golden", "golden.json")))!, Checkpoint.Open(SharedData.Path("assets", "stories260K", "golden", "golden.safetensors")));

    private static CausalModel LoadStories() => Pretrained.Load(SharedData.Path("assets", "stories260K", "hf"));

    private static void Start(AdapterSet set, string part, Func<string, Tensor> value)
    {
        using var _ = no_grad();
        foreach (var (key, parameter) in set.Parameters.Where(p => p.Key.Contains(part, StringComparison.Ordinal))) parameter.copy_(value(key));
    }

    private static List<double> Train(CausalModel model, AdapterSet set, Checkpoint tensors, double rate, double decay, Action? afterFirst = null)
    {
        using var optimizer = new AdamW(set.Groups, weightDecay: decay);
        var losses = new List<double>();
        var batches = tensors.Read("batches");
        for (var i = 0; i < 10; i++)
        {
            foreach (var (_, value) in set.Parameters) value.grad?.zero_();
            var loss = GoldenCase.Loss(model, new TokenInput(batches[i]), batches[i]);
            loss.backward();
            if (i == 0) afterFirst?.Invoke();
            optimizer.Update(rate);
            losses.Add(loss.item<float>());
        }
        return losses;
    }

    // The traces are float64; AdamW's first steps, sign-like, let fp32 drift by more than its rounding.
    private static void CheckTrace(JsonNode facts, string name, List<double> losses) =>
        Closeness.Check(name, tensor(losses.ToArray()), tensor(facts["traces"]![name]!.AsArray().Select(l => (double)l!).ToArray()), 1e-4);

    private static void CheckAfter(Checkpoint tensors, string prefix, Func<string, Tensor> ours)
    {
        foreach (var key in tensors.Tensors.Keys.Where(k => k.StartsWith(prefix, StringComparison.Ordinal)))
            Closeness.Check(key, ours(key[prefix.Length..]), tensors.Read(key), 2e-3);
    }

    private static double HeldOut(CausalModel model, Checkpoint windows)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var ids = windows.Read("heldout.input_ids");
        return GoldenCase.Loss(model, new TokenInput(ids), ids).item<float>();
    }

    private static long[] Greedy(CausalModel model, Tensor prompt, int count)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var cache = new KvCache(model.LayerCount, prompt.shape[0] + count);
        var ids = new List<long>();
        for (var next = prompt.unsqueeze(0); ids.Count < count; next = tensor(ids[^1]).view(1, 1))
            ids.Add(model.NextLogits(new TokenInput(next), cache).argmax(-1).item<long>());
        return [.. ids];
    }
}
