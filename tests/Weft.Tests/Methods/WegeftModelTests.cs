using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Methods;

namespace Weft.Tests.Methods;

/// <summary>WeGeFT's formula in a whole model, where the release has none or does not run: golden/wegeft math-*.</summary>
public sealed class WegeftModelTests
{
    private static readonly string[] five = ["q_proj", "k_proj", "v_proj", "up_proj", "down_proj"];

    [Fact]
    public void The_output_side_edits_what_a_module_returns_bias_included()
    {
        using var golden = new GoldenCase("wegeft", "math-output-side");
        var config = new WegeftConfig { Rank = 4, Alpha = 8, TargetModules = new Targets(five), TransformDim = five.ToDictionary(m => m, _ => "output") };
        var set = Attach(golden, config);
        golden.CheckLogits("logits");
        golden.CheckLossAndGradients(set, key => InCase(key));
        var merging = Merging.Into(golden.Model, keepBits: true);
        foreach (var key in golden.Outputs.Tensors.Keys.Where(k => k.StartsWith("merged.", StringComparison.Ordinal)))
            Closeness.Check(key, golden.Model.Tensors.First(t => t.Key == key["merged.".Length..]).Pretrained, golden.Expected(key), 1e-5);
        golden.CheckLogits("logits");
        merging.Unmerge();
        golden.CheckLogits("logits");
    }

    [Fact]
    public void Only_the_first_and_last_tokens_are_edited_and_that_cannot_be_merged()
    {
        using var golden = new GoldenCase("wegeft", "math-token-selective");
        var set = Attach(golden, new WegeftConfig { Rank = 4, Alpha = 8, TargetModules = new Targets(five), Positions = "f2+l2" });
        golden.CheckLogits("logits");
        var selected = new Call { TokenSelection = golden.Inputs.Read("token_mask") };
        golden.CheckLogits("logits", call: selected);
        using (selected.Enter()) golden.CheckLossAndGradients(set, key => InCase(key)); // the reference's labels leave tokens out and mean no prompt by it
        var refusal = Assert.Throws<NotSupportedException>(() => Merging.Into(golden.Model));
        Assert.Equal("positions \"f2+l2\" edits some tokens only, which no weight can say. Keep the adapter.", refusal.Message);
        golden.CheckLogits("logits");
    }

    [Theory, InlineData("r2.linear"), InlineData("r2.sqrt"), InlineData("r8.linear"), InlineData("r8.sqrt")]
    public void The_scale_is_alpha_over_r_or_over_its_root(string name)
    {
        using var golden = new GoldenCase("wegeft", "math-scale");
        var rank = int.Parse(name[1..2]);
        var set = Attach(golden, new WegeftConfig { Rank = rank, Alpha = 8, TargetModules = new Targets("q_proj", "up_proj"), UseRslora = name.EndsWith("sqrt", StringComparison.Ordinal) }, inputs: key => $"r{rank}.{InCase(key)}");
        golden.CheckLogits($"{name}.logits");
        GoldenCase.Loss(golden.Model, golden.Batch(), golden.Labels()).backward();
        golden.CheckGradients(set, key => $"{name}.grad.{InCase(key)}");
    }

    [Fact]
    public void Two_adapters_with_other_targets_add_up_from_the_same_input()
    {
        using var golden = new GoldenCase("wegeft", "math-two-adapters");
        var a = Attach(golden, new WegeftConfig { Rank = 4, Alpha = 8, TargetModules = new Targets("q_proj", "v_proj", "up_proj") }, "a", key => $"a.{InCase(key)}");
        var b = Attach(golden, new WegeftConfig { Rank = 5, Alpha = 2.5, Sharing = "module", TargetModules = new Targets("q_proj", "down_proj") }, "b", key => $"b.{InCase(key, whole: true)}");
        golden.Model.Activate("a", "b");
        golden.CheckLogits("logits");
        GoldenCase.Loss(golden.Model, golden.Batch(), golden.Labels()).backward();
        golden.CheckGradients(a, key => $"grad.a.{InCase(key)}");
        golden.CheckGradients(b, key => $"grad.b.{InCase(key, whole: true)}");
        Merging.Into(golden.Model);
        golden.CheckLogits("logits");
    }

    [Fact]
    public void Rows_of_one_batch_have_adapters_of_their_own()
    {
        using var golden = new GoldenCase("wegeft", "math-mixed-batch");
        Attach(golden, new WegeftConfig { Rank = 4, Alpha = 8, TargetModules = new Targets(five) }, "a", key => $"a.{InCase(key)}");
        Attach(golden, new WegeftConfig { Rank = 6, Alpha = 6, Sharing = "module", TargetModules = new Targets("q_proj", "v_proj") }, "b", key => $"b.{InCase(key, whole: true)}");
        var rows = golden.Facts.GetProperty("rows").EnumerateArray().Select(r => r.GetString()).ToList();
        golden.CheckLogits("logits", call: new Call { Mask = golden.Batch().Mask, RowAdapters = rows });
    }

    [Fact]
    public void Exporting_to_LoRA_gives_the_folder_that_PEFT_serves()
    {
        using var golden = new GoldenCase("wegeft", "math-lora-export");
        using var folder = new Checkpoints.TemporaryFolder();
        var set = golden.Load(golden.Facts.GetProperty("exported_from").GetString()!);
        LoraExport.Write(set, folder.Path);
        set.Detach();
        using var ours = Checkpoint.Open(folder.File("adapter_model.safetensors"));
        using var theirs = Checkpoint.Open(golden.File_("adapter", "adapter_model.safetensors"));
        Assert.Equal(theirs.Tensors.Keys.Order(), ours.Tensors.Keys.Order());
        foreach (var key in theirs.Tensors.Keys) Closeness.Check(key, ours.Read(key), theirs.Read(key), 1e-5);
        var served = AdapterSet.Load(folder.Path, golden.Model);
        Assert.Empty(served.Notes);
        Assert.Equal(golden.Facts.GetProperty("parameters").GetProperty("lora").GetInt64(), served.Count);
        Assert.Equal(new Targets("down_proj", "k_proj", "q_proj", "up_proj", "v_proj"), served.Config.TargetModules);
        golden.CheckLogits("logits");
        served.Detach();
        golden.Load();
        golden.CheckLogits("logits");
    }

    [Fact]
    public void What_has_no_LoRA_form_is_refused_by_name_and_nothing_is_written()
    {
        using var golden = new GoldenCase("wegeft", "math-output-side");
        using var folder = new Checkpoints.TemporaryFolder();
        var set = Attach(golden, new WegeftConfig
        {
            Rank = 4,
            Alpha = 8,
            TargetModules = new Targets("q_proj"),
            LayersToTransform = [1],
            TransformDim = new Dictionary<string, string> { ["q_proj"] = "output" },
            ModulesToSave = ["model.norm"],
        });
        var refusal = Assert.Throws<NotSupportedException>(() => LoraExport.Write(set, folder.File("out")));
        Assert.Contains("  model.layers.1.self_attn.q_proj: its WeGeFT adapter is no low-rank change of the weight alone\n  model.norm.weight: trained whole\nMerge instead.", refusal.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    private static AdapterSet Attach(GoldenCase golden, WegeftConfig config, string name = "default", Func<string, string>? inputs = null)
    {
        var set = config.AttachTo(golden.Model, name);
        using var _ = no_grad();
        foreach (var (key, value) in set.Parameters)
            if (golden.Inputs.Tensors.ContainsKey((inputs ?? (k => InCase(k)))(key))) value.copy_(golden.Inputs.Read((inputs ?? (k => InCase(k)))(key)));
            else Assert.DoesNotContain("wegeft", key, StringComparison.Ordinal);
        return set;
    }

    private static string InCase(string key, bool whole = false)
    {
        if (!key.Contains(".wegeft_", StringComparison.Ordinal)) return key;
        var module = key["base_model.model.".Length..key.IndexOf(".wegeft_", StringComparison.Ordinal)];
        return $"{(whole ? module : module[(module.LastIndexOf('.') + 1)..])}.{(key.Contains("phi", StringComparison.Ordinal) ? "phi" : "psi")}";
    }
}
