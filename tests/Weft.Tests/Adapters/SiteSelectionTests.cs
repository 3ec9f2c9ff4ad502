using Weft.Adapters;
using Weft.Methods;
using Weft.Models;
using Weft.Tests.Methods;

namespace Weft.Tests.Adapters;

/// <summary>Which modules a config selects: Hugging Face PEFT's rules, and what a person's own config must satisfy beyond them.</summary>
public sealed class SiteSelectionTests : IDisposable
{
    private readonly CausalModel model = RandomLlama.Create();

    [Theory]
    [InlineData("q_proj", 2), InlineData("self_attn.q_proj", 2), InlineData("model.layers.1.self_attn.q_proj", 1), InlineData("lm_head", 1), InlineData("embed_tokens", 1)]
    public void A_list_entry_is_a_path_or_its_end_behind_a_dot(string entry, int sites) => Assert.Equal(sites, Plan(new Targets(entry)).Sites.Count);

    [Theory, InlineData("_proj"), InlineData("proj"), InlineData("q_pro"), InlineData("q_proj.weight")]
    public void A_part_of_a_name_is_no_entry(string entry) => Assert.Empty(Plan(new Targets(entry)).Sites);

    [Theory]
    [InlineData(@".*\.(q|k)_proj", 4), InlineData(@"model\.layers\.[1]\..*_proj", 7), InlineData("q_proj", 0), InlineData(@".*q_proj|lm_head", 3), InlineData("lm_head", 1)]
    public void An_expression_matches_whole_paths(string expression, int sites) => Assert.Equal(sites, Plan(Targets.Matching(expression)).Sites.Count);

    [Fact]
    public void All_linear_is_every_linear_module_but_the_head()
    {
        var plan = Plan(Targets.Matching("all-linear"));
        Assert.Equal(14, plan.Sites.Count);
        Assert.All(plan.Sites, s => Assert.EndsWith("_proj", s.Name, StringComparison.Ordinal));
    }

    [Fact]
    public void Exclusion_comes_first_and_works_as_a_list_and_as_an_expression()
    {
        Assert.Equal(2, new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj", "v_proj"), ExcludeModules = new Targets("v_proj") }.Plan(model).Sites.Count);
        Assert.Equal(["model.layers.1.self_attn.q_proj"],
            new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj"), ExcludeModules = Targets.Matching(@".*\.0\..*") }.Plan(model).Sites.Select(s => s.Name));
    }

    [Fact]
    public void Layers_are_chosen_by_number_and_full_names_regardless_of_it()
    {
        Assert.Equal(["model.layers.1.self_attn.q_proj"], Names(new() { Rank = 2, TargetModules = new Targets("q_proj"), LayersToTransform = [1] }));
        Assert.Equal(["model.layers.1.self_attn.q_proj"], Names(new() { Rank = 2, TargetModules = new Targets("q_proj"), LayersToTransform = [1], LayersPattern = ["layers"] }));
        Assert.Equal(["model.layers.1.self_attn.q_proj"], Names(new() { Rank = 2, TargetModules = new Targets("q_proj"), LayersToTransform = [1], LayersPattern = [""] }));
        Assert.Equal(["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.k_proj"],
            Names(new() { Rank = 2, TargetModules = new Targets("model.layers.0.self_attn.q_proj", "k_proj"), LayersToTransform = [1] }));
    }

    [Fact]
    public void A_module_that_is_saved_whole_is_never_a_target()
    {
        var config = new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj", "lm_head"), ModulesToSave = ["lm_head"] };
        var set = (config with { TargetModules = Targets.Matching(@".*q_proj|lm_head") }).AttachTo(model);
        Assert.DoesNotContain("lm_head", set.Places.Select(p => p.Site.Name));
        Assert.Equal(["base_model.model.lm_head.weight"], set.TrainedTensors.Select(t => t.Key));
        Assert.Equal("target_modules \"lm_head\" matches lm_head, but exclude_modules, modules_to_save or layers_to_transform leave all of them out.", Assert.Single(config.Plan(model).Problems));
    }

    [Fact]
    public void Every_problem_is_listed_at_once_and_the_model_is_untouched()
    {
        var config = new LoraConfig
        {
            Rank = 0,
            Dropout = 1,
            Bias = "some",
            TargetModules = new Targets("q_proj", "query"),
            ExcludeModules = new Targets("gate"),
            LayersToTransform = [1, 7],
            LayersPattern = ["layers"],
            ModulesToSave = ["classifier"],
            RankPattern = new Dictionary<string, int> { ["k_proj"] = 4 },
            AlphaPattern = new Dictionary<string, double> { ["v_pr("] = 4 },
        };
        const string has = "embed_tokens, q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, input_layernorm, post_attention_layernorm, norm, lm_head";
        var message = Assert.Throws<ArgumentException>(() => config.AttachTo(model)).Message;
        Assert.StartsWith(
            "This LORA config does not fit a random llama:\n" +
            "  r is 0; a rank is at least 1.\n" +
            "  lora_dropout is 1; it lies in [0, 1).\n" +
            "  bias \"some\" is none of none, all, lora_only.\n" +
            $"  target_modules \"query\" matches no module. The model has: {has}.\n" +
            $"  exclude_modules \"gate\" matches no module. The model has: {has}.\n" +
            "  layers_to_transform names layer 7, but the model has layers 0 to 1 in layers.\n" +
            $"  modules_to_save \"classifier\" matches no module. The model has: {string.Join(", ", model.Tensors.Select(t => t.Module[(t.Module.LastIndexOf('.') + 1)..]).Distinct())}.\n" +
            "  rank_pattern \"k_proj\" matches no adapted module. Adapted are: q_proj.\n" +
            "  alpha_pattern: \"v_pr(\" is not a regular expression: ",
            message, StringComparison.Ordinal);
        Assert.Empty(model.Adapters);
    }

    [Fact]
    public void An_unknown_word_for_biases_is_refused_for_every_method_and_adapted_is_its_own()
    {
        foreach (var (method, own) in new[] { ("full", "adapted_only"), ("lora", "lora_only"), ("wegeft", "wegeft_only") })
        {
            Assert.Equal(own, PeftConfig.FromOptions(method, """{"bias":"adapted"}""").Bias);
            Assert.Contains($"bias \"typo\" is none of none, all, {own}.", PeftConfig.FromOptions(method, """{"bias":"typo"}""").Plan(model).Problems);
        }
    }

    [Fact]
    public void An_expression_that_never_ends_is_refused_by_name()
    {
        const string endless = "(([a-z_.0-9]+)+)+X";
        var refusal = Assert.Throws<InvalidDataException>(() => new LoraConfig { TargetModules = Targets.Matching(endless) }.Plan(model));
        Assert.StartsWith($"The expression \"{endless}\" is not done with model.", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_must_match_on_every_layer_that_has_its_siblings()
    {
        var missing = new TinyModel([.. Enumerable.Range(0, 3).SelectMany(layer => new[] { "a", "b" }.Where(m => (layer, m) != (1, "b")).Select(m => Site($"model.layers.{layer}.{m}", layer)))]);
        Assert.Equal(
            "target_modules \"b\" matches model.layers.*.b in layers 0, 2 but not in 1, which have its siblings. Name the layers with layers_to_transform, or exclude them.",
            Assert.Single(new LoraConfig { Rank = 1, TargetModules = new Targets("b") }.Plan(missing).Problems));
        Assert.Empty(new LoraConfig { Rank = 1, TargetModules = new Targets("b"), LayersToTransform = [0, 2] }.Plan(missing).Problems);
        Assert.Empty(new LoraConfig { Rank = 1, TargetModules = new Targets("b"), ExcludeModules = Targets.Matching(@"model\.layers\.1\..*") }.Plan(missing).Problems);
        Assert.Empty(new LoraConfig { Rank = 1, TargetModules = new Targets("layers.0.b", "model.layers.2.b") }.Plan(missing).Problems);
        Assert.Empty(new LoraConfig { Rank = 1, TargetModules = Targets.Matching(@"model\.layers\.[02]\.b") }.Plan(missing).Problems);
    }

    [Fact]
    public void What_cannot_act_together_is_said()
    {
        Assert.Equal("layers_to_transform acts only where target_modules is a list. Put the layers into the expression, or list the modules.",
            Assert.Single(new LoraConfig { Rank = 2, TargetModules = Targets.Matching(".*q_proj"), LayersToTransform = [1] }.Plan(model).Problems));
        Assert.Contains("layers_pattern \"h\" is no list of layers in this model.",
            new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj"), LayersToTransform = [1], LayersPattern = ["h"] }.Plan(model).Problems);
        Assert.Equal("layers_pattern acts only with layers_to_transform, which is not given. Name the layers, or remove it.",
            Assert.Single(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj"), LayersPattern = ["layers"] }.Plan(model).Problems));
        Assert.Equal("layers_to_transform names layer 1, but no module there is adapted; a target_modules entry that is a whole path counts whatever its layer. Remove one of them.",
            Assert.Single(new LoraConfig { Rank = 2, TargetModules = new Targets("model.layers.0.self_attn.q_proj"), LayersToTransform = [1] }.Plan(model).Problems));
        Assert.StartsWith("target_modules is not given. Name modules (embed_tokens, q_proj, ", Assert.Single(new LoraConfig().Plan(model).Problems), StringComparison.Ordinal);
        Assert.StartsWith("target_modules is not given.", Assert.Single(new LoraConfig { TargetModules = new Targets() }.Plan(model).Problems), StringComparison.Ordinal);
        Assert.Equal("Full fine-tuning trains every module; it takes no target_modules. Remove them, or choose a method that adapts modules.",
            Assert.Single(new FullConfig { TargetModules = new Targets("q_proj") }.Plan(model).Problems));
        Assert.Equal("sharing \"global\" and tied_modules both say who shares a pair. Give one of them.",
            Assert.Single(new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj"), Sharing = "global", TiedModules = [[".*q_proj"]] }.Plan(model).Problems));
        Assert.Equal("tied_modules \"q_proj\" matches no adapted module from the start of its path. Adapted are: model.layers.0.self_attn.q_proj ….",
            Assert.Single(new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj"), TiedModules = [["q_proj"]] }.Plan(model).Problems));
    }

    [Theory]
    [InlineData("norm", "model.layers.0.input_layernorm.weight model.layers.0.post_attention_layernorm.weight model.layers.1.input_layernorm.weight model.layers.1.post_attention_layernorm.weight model.norm.weight")]
    [InlineData("head", "lm_head.weight"), InlineData("1.mlp.up_proj", "model.layers.1.mlp.up_proj.weight model.layers.1.mlp.up_proj.bias"), InlineData("model.norm", "model.norm.weight")]
    public void Saved_whole_is_what_ends_in_an_entry_of_modules_to_save(string entry, string keys) => Assert.Equal(
        keys.Split(' ').Select(k => $"base_model.model.{k}").Order(StringComparer.Ordinal),
        new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj"), ModulesToSave = [entry] }.Plan(model).Build().TrainedTensors.Select(t => t.Key).Order(StringComparer.Ordinal));

    [Fact]
    public void A_module_that_modules_to_save_holds_by_the_end_of_its_name_is_not_adapted_too() => Assert.Equal(
        "modules_to_save holds lm_head (an entry is the end of a name), which target_modules adapts. Leave it to one of them.",
        Assert.Single(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj", "lm_head"), ModulesToSave = ["head"] }.Plan(model).Problems));

    [Fact]
    public void An_entry_that_is_no_expression_is_said_as_it_was_written()
    {
        foreach (var config in new[] { new LoraConfig { ModulesToSave = ["a("] }, new LoraConfig { LayersToTransform = [0], LayersPattern = ["a("] } })
            Assert.StartsWith("\"a(\" is not a regular expression: ", Assert.Throws<ArgumentException>(() => (config with { TargetModules = new Targets("q_proj") }).Plan(model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_keys_that_give_a_module_different_values_are_refused()
    {
        static string Refusal(PeftConfig config, BaseModel model) => Assert.Throws<ArgumentException>(() => config.AttachTo(model)).Message;
        var lora = new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") };
        const string whole = "layers.0.self_attn.q_proj";
        var said = $"  model.{whole}: alpha_pattern gives it two values: \"q_proj\" 64 and \"{whole}\" 1. A saved file holds its keys sorted, so which comes first is lost: let one key match a module.";
        Assert.EndsWith(":\n" + said, Refusal(lora with { AlphaPattern = new Dictionary<string, double> { ["q_proj"] = 64, [whole] = 1 } }, model), StringComparison.Ordinal);
        var ranks = new Dictionary<string, int> { ["q_proj"] = 3, [whole] = 1 };
        Assert.Contains("rank_pattern gives it two values: \"q_proj\" 3 and ", Refusal(lora with { RankPattern = ranks }, model), StringComparison.Ordinal);
        Assert.Contains("rank_pattern gives it two values: \"q_proj\" 3 and ", Refusal(new WegeftConfig { Rank = 2, Sharing = "module", TargetModules = new Targets("q_proj"), RankPattern = ranks }, model), StringComparison.Ordinal);
        Assert.Empty((lora with { AlphaPattern = new Dictionary<string, double> { ["q_proj"] = 64, [whole] = 64 } }).Plan(model).Problems);
        Assert.Empty(model.Adapters);
    }

    [Theory]
    [InlineData("fc1", false, true), InlineData("linear_1", false, true), InlineData("layers.0.fc1", false, false), InlineData(@".*\.fc1", true, true), InlineData(@".*\.[02]\.fc1", true, false), InlineData(@".*\.\d{1,2}\.fc1", true, true)]
    public void A_digit_in_a_name_names_no_layer(string entry, bool isExpression, bool isRefused)
    {
        var local = entry.Contains("fc1", StringComparison.Ordinal) ? "fc1" : entry;
        var missing = new TinyModel([.. Enumerable.Range(0, 3).SelectMany(layer => new[] { "a", local }.Where(m => (layer, m) != (1, local)).Select(m => Site($"model.layers.{layer}.{m}", layer)))]);
        var problems = new LoraConfig { Rank = 1, TargetModules = isExpression ? Targets.Matching(entry) : new Targets(entry) }.Plan(missing).Problems;
        Assert.Equal(isRefused, problems.Any(p => p.Contains("in layers 0, 2 but not in 1", StringComparison.Ordinal)));
    }

    [Fact]
    public void Biases_that_are_not_there_are_not_trained_in_silence()
    {
        var bare = new TinyModel(Site("a", 0));
        Assert.Equal("bias \"all\" trains biases, but the model has none. Remove it.", Assert.Single(new LoraConfig { Rank = 1, TargetModules = new Targets("a"), Bias = "all" }.Plan(bare).Problems));
        Assert.Equal("bias \"lora_only\" trains biases, but no adapted module has one. Remove it.", Assert.Single(new LoraConfig { Rank = 1, TargetModules = new Targets("a"), Bias = "lora_only" }.Plan(bare).Problems));
        Assert.Empty(new LoraConfig { Rank = 1, TargetModules = new Targets("q_proj"), Bias = "lora_only" }.Plan(model).Problems);
    }

    [Fact]
    public void The_share_of_the_base_leaves_modules_saved_whole_out_of_both_sides()
    {
        var config = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj"), ModulesToSave = ["lm_head"] };
        var estimate = config.Plan(model).Estimate(1);
        Assert.Equal(64 + 512, estimate.Trainable);
        Assert.Equal(100.0 * 64 / (model.Count - 512), estimate.PercentOfBase);
        using var tied = RandomLlama.Create(tied: true);
        Assert.Equal(100.0 * 64 / tied.Count, config.Plan(tied).Estimate(1).PercentOfBase);
    }

    [Fact]
    public void A_rank_beyond_the_width_is_refused_with_every_site()
    {
        var lora = Assert.Throws<ArgumentException>(() => new LoraConfig { Rank = 9, TargetModules = new Targets("q_proj", "k_proj") }.AttachTo(model)).Message;
        Assert.Contains("model.layers.0.self_attn.k_proj: rank 9 is more than the module's 16 → 8 can use. Lower r, or give the module its own in rank_pattern.", lora, StringComparison.Ordinal);
        Assert.Contains("model.layers.1.self_attn.k_proj: rank 9", lora, StringComparison.Ordinal);
        Assert.DoesNotContain("q_proj", lora, StringComparison.Ordinal);
        var wegeft = Assert.Throws<ArgumentException>(() => new WegeftConfig { Rank = 17, TargetModules = new Targets("k_proj") }.AttachTo(model)).Message;
        Assert.Contains("model.layers.0.self_attn.k_proj: rank 17 is more than the 16 features it edits. Lower r, or give the module its own in rank_pattern.", wegeft, StringComparison.Ordinal);
        Assert.Contains("model.norm: LoRA adapts linear modules and embeddings, not RmsNorm. Leave it out of target_modules.",
            Assert.Throws<ArgumentException>(() => new LoraConfig { Rank = 2, TargetModules = new Targets("norm") }.AttachTo(model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_plan_is_a_table_of_patterns_with_counts()
    {
        var rows = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj", "v_proj"), LayersToTransform = [1] }.Plan(model).Rows();
        Assert.Equal(new PlanRow("model.layers.*.self_attn.q_proj", 2, 1, 16, 16, 64, false), rows[0]);
        Assert.Equal(new PlanRow("model.layers.*.self_attn.v_proj", 2, 1, 16, 8, 64, false), rows[1]);
        Assert.All(rows.Skip(2), r => Assert.Equal((0, 0L), (r.Selected, r.Trainable)));
        Assert.Equal(12, rows.Count);
    }

    [Theory, InlineData("[q_proj"), InlineData("(?P<layer>[0-9]+")]
    public void A_broken_expression_is_shown_as_it_was_written(string expression)
    {
        var message = Assert.Throws<ArgumentException>(() => Targets.Matching(expression)).Message;
        Assert.StartsWith($"\"{expression}\" is not a regular expression: Invalid pattern. ", message, StringComparison.Ordinal);
        Assert.DoesNotContain("^(?:", message, StringComparison.Ordinal);
    }

    public void Dispose() => model.Dispose();

    private static Site Site(string name, int layer) => new(name, new Weft.Nn.Linear(new BaseTensor($"{name}.weight", ones(4, 4))), SiteRole.Other, layer);

    private AdaptationPlan Plan(Targets targets) => new LoraConfig { Rank = 2, TargetModules = targets }.Plan(model);

    private IEnumerable<string> Names(LoraConfig config)
    {
        var plan = config.Plan(model);
        Assert.Empty(plan.Problems);
        return plan.Sites.Select(s => s.Name);
    }
}
