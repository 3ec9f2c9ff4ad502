using System.Security.Cryptography;
using System.Text.Json;
using Weft.Adapters;
using Weft.Models;

namespace Weft.Tests.Methods;

/// <summary>LoRA as Hugging Face PEFT 0.21.2 computes, saves and trains it: golden/peft, plain LORA cases on the llama base.</summary>
public sealed class LoraGoldenTests
{
    [Theory]
    [InlineData("lora_all_linear"), InlineData("lora_defaults"), InlineData("lora_embedding"), InlineData("lora_embedding_lm_head"), InlineData("lora_exclude_modules")]
    [InlineData("lora_gaussian"), InlineData("lora_layers_pattern"), InlineData("lora_layers_to_transform"), InlineData("lora_modules_to_save_lm_head")]
    [InlineData("lora_patterns"), InlineData("lora_qv"), InlineData("lora_regex"), InlineData("lora_rslora")]
    public void Outputs_gradients_merge_files_and_training_equal_PEFT(string name)
    {
        using var golden = new GoldenCase("peft", name);
        golden.CheckLogits("base.logits");
        if (Directory.Exists(golden.File_("init")))
        {
            using var start = golden.Load("init");
            if (golden.Expects("init.logits")) golden.CheckLogits("init.logits");
            golden.CheckBytes(start, "init");
            start.Detach();
        }
        var set = golden.Load();
        Assert.Equal(golden.Facts.GetProperty("trainable_parameters").GetInt64(), set.Count);
        Assert.Equal(
            golden.Facts.GetProperty("targeted_modules").EnumerateArray().Select(m => m.GetString()!).Order(StringComparer.Ordinal),
            set.Places.Select(p => p.Site.Name).Order(StringComparer.Ordinal));
        golden.CheckLogits("logits");
        golden.CheckLossAndGradients(set);
        if (golden.Expects("merged.logits")) golden.CheckMerge("merged.logits");
        golden.CheckBytes(set);
        CheckHash(golden, set);
        if (!golden.Expects("trace.loss")) return;
        var losses = golden.Train(set, i => i % 2 == 0 ? (golden.Batch(), golden.Labels()) : (golden.Batch("b1."), golden.Labels("b1.")));
        Closeness.Check("trace.loss", tensor(losses.ToArray()), golden.Expected("trace.loss"), 1e-5);
        golden.CheckLogits("final.logits", 1e-4); // ten updates of AdamW grow the rounding of the first
    }

    [Fact]
    public void Several_adapters_act_alone_together_and_row_by_row()
    {
        using var golden = new GoldenCase("peft", "lora_two_adapters");
        var sets = new Dictionary<string, AdapterSet> { ["default"] = golden.Load() };
        foreach (var name in new[] { "second", "third" }) sets[name] = golden.Load($"adapter/{name}", name);
        foreach (var name in sets.Keys)
        {
            golden.Model.Activate(name);
            golden.CheckLogits($"logits.{name}");
            golden.CheckBytes(sets[name], name == "default" ? "adapter" : $"adapter/{name}");
        }
        golden.Model.Activate("default", "second");
        golden.CheckLogits("logits.default+second");
        golden.Model.DisableAdapters();
        golden.CheckLogits("logits.disabled");
        golden.CheckLogits("base.logits");
        for (var i = 0; i < 2; i++)
        {
            var rows = golden.Facts.GetProperty($"mixed_batch.{i}").EnumerateArray().Select(r => r.GetString() is "__base__" ? null : r.GetString()).ToList();
            golden.CheckLogits($"logits.mixed_batch.{i}", call: new Call { Mask = golden.Batch().Mask, RowAdapters = rows });
        }
    }

    [Theory]
    [InlineData("mix_linear"), InlineData("mix_cat"), InlineData("mix_svd"), InlineData("mix_ties"), InlineData("mix_ties_frequency"), InlineData("mix_ties_svd")]
    [InlineData("mix_magnitude_prune"), InlineData("mix_linear_negative")]
    public void A_combination_that_PEFT_saved_is_plain_LoRA(string name)
    {
        using var golden = new GoldenCase("peft", "lora_two_adapters");
        var set = golden.Load($"combined/{name}", name);
        golden.CheckLogits($"logits.{name}");
        golden.CheckBytes(set, $"combined/{name}");
    }

    [Theory]
    [InlineData("lora_alora", "LORA here does not know \"alora_invocation_tokens\": [")]
    [InlineData("lora_bdlora", "LORA here does not know \"use_bdlora\": {")]
    [InlineData("lora_corda_ipm", "LORA here does not know \"corda_config\": {")]
    [InlineData("lora_corda_kpm", "LORA here does not know \"corda_config\": {")]
    [InlineData("lora_dora", "LORA here does not know \"use_dora\": true.")]
    [InlineData("lora_dora_all_linear_rslora", "LORA here does not know \"use_dora\": true.")]
    [InlineData("lora_dora_embedding", "LORA here does not know \"use_dora\": true.")]
    [InlineData("lora_eva", "LORA here does not know \"eva_config\": {")]
    [InlineData("lora_ga_A2rBr_gd_scale", "LORA here does not know \"lora_ga_config\": {")]
    [InlineData("lora_ga_ArB2r_stable", "LORA here does not know \"lora_ga_config\": {")]
    [InlineData("lora_ga_ArB2r_unit", "LORA here does not know \"lora_ga_config\": {")]
    [InlineData("lora_ga_ArBr_weight_svd", "LORA here does not know \"lora_ga_config\": {")]
    [InlineData("lora_kasa", "LORA here does not know \"kasa_config\": {")]
    [InlineData("lora_layer_replication", "LORA here does not know \"layer_replication\": [")]
    [InlineData("lora_mica", "init_lora_weights \"mica\" is none of true, false, \"gaussian\".")]
    [InlineData("lora_olora", "init_lora_weights \"olora\" is none of true, false, \"gaussian\".")]
    [InlineData("lora_orthogonal", "init_lora_weights \"orthogonal\" is none of true, false, \"gaussian\".")]
    [InlineData("lora_pissa", "init_lora_weights \"pissa\" is none of true, false, \"gaussian\".")]
    [InlineData("lora_pissa_niter_4", "init_lora_weights \"pissa_niter_4\" is none of true, false, \"gaussian\".")]
    [InlineData("lora_pissa_rslora", "init_lora_weights \"pissa_rslora\" is none of true, false, \"gaussian\".", "pissa")]
    [InlineData("lora_target_parameters_linear", "LORA here does not know \"target_parameters\": [")]
    [InlineData("lora_trainable_token_indices", "LORA here does not know \"trainable_token_indices\": [")]
    public void A_variant_is_refused_by_its_key(string name, string message, string? written = null)
    {
        var folder = SharedData.Path("golden", "peft", name, "adapter");
        using var model = Pretrained.Load(SharedData.Path("golden", "peft", "bases", "llama"));
        var refusal = Assert.ThrowsAny<Exception>(() => AdapterSet.Load(folder, model));
        Assert.True(refusal is InvalidDataException or ArgumentException, refusal.ToString());
        Assert.Contains(written is null ? message : message.Replace(name["lora_".Length..], written, StringComparison.Ordinal), refusal.Message, StringComparison.Ordinal);
        Assert.Empty(model.Adapters);
    }

    [Fact]
    public void Whatever_case_there_is_on_the_llama_base_is_tested_here()
    {
        var known = GetType().GetMethods().SelectMany(m => m.GetCustomAttributes(typeof(InlineDataAttribute), false)).Cast<InlineDataAttribute>().Select(d => (string)d.Data[0]!)
            .Append("lora_two_adapters").ToHashSet();
        Assert.All(SharedData.Cases("golden", "peft").Where(c => c.StartsWith("lora_", StringComparison.Ordinal) && OnLlama(c)), c => Assert.Contains(c, known));
    }

    private static bool OnLlama(string name)
    {
        using var facts = JsonDocument.Parse(File.ReadAllText(SharedData.Path("golden", "peft", name, "case.json")));
        return facts.RootElement.GetProperty("base").GetString() == "bases/llama";
    }

    private static void CheckHash(GoldenCase golden, AdapterSet set)
    {
        using var written = new Checkpoints.TemporaryFolder();
        set.Save(written.Path);
        var hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(written.File("adapter_model.safetensors"))));
        Assert.Equal(golden.Facts.GetProperty("adapter").GetProperty("sha256").GetString(), hash);
    }
}
