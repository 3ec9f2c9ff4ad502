using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Evaluation;
using Weft.Methods;
using Weft.Nn;
using Weft.Tests.Checkpoints;
using Weft.Tests.Methods;

namespace Weft.Tests.Adapters;

/// <summary>Each need of docs/decisions/contract.md, met by a double that compiles and runs.</summary>
public sealed class ContractTests
{
    [Fact]
    public void A_site_answers_to_two_names_and_a_file_is_written_in_the_one_it_was_read_or_targeted_in()
    {
        using var folder = new TemporaryFolder();
        using var model = Tiny(alias: "blocks.{0}.attn.to_q");
        Assert.Equal("base_model.model.blocks.0.attn.to_q.lora_A.weight", Saved(new Targets("to_q")));
        Assert.Equal("base_model.model.layers.0.q.lora_A.weight", Saved(new Targets("q")));

        string Saved(Targets targets)
        {
            var set = new LoraConfig { Rank = 1, TargetModules = targets }.AttachTo(model);
            set.Save(folder.Path);
            set.Detach();
            using var back = AdapterSet.Load(folder.Path, model);
            Assert.Equal(set.Places[0].NameOnDisk, back.Places[0].NameOnDisk);
            LoraExport.Write(back, folder.File("lora"));
            using var exported = Checkpoint.Open(folder.File("lora", "adapter_model.safetensors"));
            Assert.Equal(back.Saved().Select(t => t.Key).Order(), exported.Tensors.Keys.Order());
            Assert.Contains($"\"{targets.Entries[0]}\"", File.ReadAllText(folder.File("lora", "adapter_config.json")), StringComparison.Ordinal);
            return back.Saved().First().Key;
        }
    }

    [Fact]
    public void A_site_knows_its_role_layer_and_heads()
    {
        using var model = RandomLlama.Create();
        var key = model.Sites.Single(s => s.Name == "model.layers.1.self_attn.k_proj");
        Assert.Equal((SiteRole.Key, 1, 2), (key.Role, key.Layer, key.Heads));
        Assert.Equal(4, model.Sites.First(s => s.Role == SiteRole.AttentionOutput).Heads);
    }

    [Fact]
    public void One_config_makes_other_adapters_for_other_hosts()
    {
        using var model = RandomLlama.Create();
        var set = new KindsConfig { TargetModules = new Targets("q_proj", "norm", "embed_tokens") }.AttachTo(model);
        Assert.Equal(["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "model.norm"], set.Places.Select(p => p.Site.Name));
        RandomLlama.Disturb(set);
        var adapted = model.Logits(RandomLlama.Batch);
        Assert.Throws<InvalidOperationException>(() => Merging.Into(model)); // the double scales y with its bias and says so of the weight alone: the probe finds it
        Assert.True(Bits.Same(adapted, model.Logits(RandomLlama.Batch)));
    }

    [Fact]
    public void Adapters_at_one_site_form_a_chain_in_the_order_of_activation()
    {
        using var model = Tiny();
        var order = new List<string>();
        foreach (var name in new[] { "outer", "inner" })
            new CountedConfig { TargetModules = new Targets("q"), Seen = _ => order.Add(name) }.AttachTo(model, name);
        model.Activate("outer", "inner");
        var x = ones(1, 4);
        var y = model.Forward(x);
        Assert.Equal(["outer", "inner", "outer", "inner"], order);
        model.DisableAdapters();
        Closeness.Check("chain", y, model.Forward(x) * 1.5 * 1.5 * 1.5 * 1.5, 1e-6);
    }

    [Fact]
    public void Values_of_the_base_train_a_bare_parameter_too_and_go_with_the_set()
    {
        using var model = Tiny(bare: true);
        var untouched = model.Forward(ones(1, 4));
        var set = new BaseValuesConfig().AttachTo(model);
        Assert.Equal(["base_model.model.norm.weight", "base_model.model.gain"], set.Parameters.Select(p => p.Key));
        model.Forward(ones(1, 4)).sum().backward();
        Assert.All(set.Parameters.Take(1), p => Assert.NotNull(p.Value.grad));
        RandomLlama.Disturb(set);
        Assert.False(Bits.Same(untouched, model.Forward(ones(1, 4))));
        set.Detach();
        Assert.True(Bits.Same(untouched, model.Forward(ones(1, 4))));
    }

    [Fact]
    public void Tensors_across_layers_are_stored_once_with_buffers_and_integer_indices_and_come_in_groups()
    {
        using var model = Tiny();
        var set = new SharedConfig { TargetModules = new Targets("q") }.AttachTo(model);
        Assert.Equal(["base_model.basis.rows", "base_model.model.layers.0.q.out", "base_model.model.layers.1.q.out"], set.Parameters.Select(p => p.Key));
        Assert.Equal(["base_model.basis.frozen", "base_model.model.layers.0.q.index", "base_model.model.layers.1.q.index"], set.Saved().Skip(3).Select(t => t.Key));
        Assert.Equal(int64, set.Saved().Last().Value.dtype);
        Assert.Equal((1.0, false, 1), (set.Groups[0].RateFactor, set.Groups[0].Decays, set.Groups[0].Tensors.Count));
        Assert.Equal((16.0, true, 2), (set.Groups[1].RateFactor, set.Groups[1].Decays, set.Groups[1].Tensors.Count));
        using var folder = new TemporaryFolder();
        set.Save(folder.Path);
        using var file = Checkpoint.Open(folder.File("adapter_model.safetensors"));
        Assert.Equal(6, file.Tensors.Count);
    }

    [Fact]
    public void A_preparation_measures_inputs_and_gradients_site_by_site_and_gives_the_start()
    {
        using var model = Tiny();
        var moments = new Dictionary<string, Tensor>();
        var gradients = new HashSet<string>();
        var watch = new WatchConfig
        {
            TargetModules = new Targets("q"),
            Seen = (site, x, gradient) =>
            {
                moments[site.Name] = x.mean([0L], keepdim: true);
                if (gradient.abs().sum().item<float>() > 0) gradients.Add(site.Name);
            },
        }.AttachTo(model, "watch");
        model.Forward(arange(8, dtype: float32).view(2, 4)).sum().backward();
        watch.Detach();
        Assert.Equal(["layers.0.q", "layers.1.q"], gradients.Order());
        var untouched = model.Forward(ones(2, 4));
        var set = new SubtractedConfig { TargetModules = new Targets("q"), Start = moments }.AttachTo(model);
        Closeness.Check("start", set.Parameters.First().Value, tensor(new[,] { { 2f, 3f, 4f, 5f } }), 0);
        Closeness.Check("initial factors are subtracted", model.Forward(ones(2, 4)), untouched, 1e-6);
        Assert.Equal(4, set.Saved().Count(t => t.Key.Contains('0') && t.Key.EndsWith('0')));
    }

    [Fact]
    public void Work_around_an_update_has_state_that_resumes()
    {
        using var model = Tiny();
        var set = new PrunedConfig { TargetModules = new Targets("q") }.AttachTo(model);
        var updates = set.Updates.ToList();
        Assert.Equal(2, updates.Count);
        model.Forward(arange(4, dtype: float32).view(1, 4)).pow(2).sum().backward();
        foreach (var update in updates) update.BeforeUpdate(1, 10);
        RandomLlama.Disturb(set);
        foreach (var update in updates) update.AfterUpdate(1, 10);
        Assert.Contains(set.Parameters, p => p.Value.eq(0).any().item<bool>());
        var state = updates[0].State().ToDictionary(s => s.Name, s => s.Value.clone());
        using (NewDisposeScope()) updates[1].Restore(state.ToDictionary(s => s.Key, s => s.Value.clone())); // which are gone then
        Assert.True(Bits.Same(state["moment"], updates[1].State().Single().Value));
    }

    [Fact]
    public void What_a_call_is_about_is_there_when_a_part_is_computed_again()
    {
        using var model = Tiny();
        var tasks = new List<(long Task, int Prompt)>();
        new CountedConfig { TargetModules = new Targets("q"), Seen = _ => tasks.Add((Call.Current!.Ids["task"].item<long>(), Call.Current.PromptLengths![0])) }.AttachTo(model);
        using (new Call { Ids = new Dictionary<string, Tensor> { ["task"] = tensor(7L) }, PromptLengths = [3] }.Enter())
        {
            var y = Recomputed.Run(ones(1, 4).requires_grad_(), model.Forward);
            Assert.Equal(2, tasks.Count);
            using var other = new Call { Ids = new Dictionary<string, Tensor> { ["task"] = tensor(8L) }, PromptLengths = [1] }.Enter();
            y.sum().backward();
        }
        Assert.Equal(4, tasks.Count);
        Assert.All(tasks, t => Assert.Equal((7L, 3), t));
        Assert.Null(Call.Current);
    }

    [Fact]
    public void What_a_caller_enters_reaches_every_layer_of_a_model_with_the_inputs_mask_and_offset()
    {
        using var model = RandomLlama.Create();
        var seen = new List<Call>();
        new CountedConfig { TargetModules = new Targets("q_proj"), Seen = _ => seen.Add(Call.Current!) }.AttachTo(model);
        var ids = new Dictionary<string, Tensor> { ["task"] = tensor(new[] { 7L, 8L }) };
        var input = RandomLlama.Batch with { Mask = ones(2, 10, dtype: int64) };
        using (new Call { Ids = ids, PromptLengths = [3, 4] }.Enter())
        {
            model.ActivationBudget = 0;
            model.Loss(input, input.Ids).backward(); // each layer once more
            Assert.Equal(4, seen.Count);
            model.Logits(input);
            using var cache = new KvCache(model.LayerCount, 12);
            model.NextLogits(input, cache);
            model.NextLogits(new TokenInput(input.Ids[.., ..1], ones(2, 11, dtype: int64)), cache);
            Assert.Equal([0L, 0, 0, 0, 0, 0, 0, 0, 10, 10], seen.Select(c => c.CacheOffset));
            Assert.All(seen.Take(8), c => Assert.Same(input.Mask, c.Mask));
            Assert.All(seen, c => Assert.Equal((ids["task"], 3, 4), (c.Ids["task"], c.PromptLengths![0], c.PromptLengths[1])));

            seen.Clear();
            Generation.Run(model, [[1, 2, 3], [4, 5]], new GenerationOptions { MaxNewTokens = 3 }, TestContext.Current.CancellationToken);
            Assert.All(seen, c => Assert.Equal([3, 2], c.PromptLengths!));
            Assert.All(seen.Take(2), c => Assert.Same(ids["task"], c.Ids["task"]));
        }
        seen.Clear();
        model.Loss(input, cat([full([2, 6], -100L, dtype: int64), input.Ids[.., 6..]], 1));
        Assert.All(seen, c => Assert.Equal([6, 6], c.PromptLengths!));
        model.Loss(input, input.Ids, new Call { PromptLengths = [1, 2] });
        Assert.Equal([1, 2], seen[^1].PromptLengths!);
    }

    [Fact]
    public void Tokens_are_prepended_behind_an_embedding_and_before_keys_and_values()
    {
        var (embedding, cache) = (new Tap(4), new Tap(4));
        using var model = new TinyModel(new Site("embed", embedding, SiteRole.Embedding), new Site("layers.0.keys_values", cache, SiteRole.Other, 0));
        var set = new PrependedConfig { TargetModules = new Targets("embed", "keys_values") }.AttachTo(model);
        Assert.Equal([3, 7, 4], embedding.Forward(ones(3, 5, 4)).shape);
        var packed = cache.Forward(randn(3, 2, 5, 4)); // (batch, keys and values, tokens, width)
        Assert.Equal([3, 2, 7, 4], packed.shape);
        var seen = nn.functional.scaled_dot_product_attention(ones(3, 1, 5, 4), packed[.., ..1], packed[.., 1..]);
        seen.sum().backward();
        Assert.NotNull(set.Places[1].Adapter.parameters().Single().grad);
        Assert.Contains("rows are no weights", Assert.Throws<NotSupportedException>(() => set.Places[0].Adapter.Changes(embedding)).Message, StringComparison.Ordinal);
    }

    private static TinyModel Tiny(string? alias = null, bool bare = false)
    {
        var sites = Enumerable.Range(0, 2).Select(i => new Site(
            $"layers.{i}.q", new Linear(new BaseTensor($"layers.{i}.q.weight", eye(4) + 0.1)), SiteRole.Query, i, alias?.Replace("{0}", $"{i}", StringComparison.Ordinal))).ToList();
        if (bare) sites.Add(new Site("norm", new RmsNorm(Weights.Random(1).At("norm"), 4, 1e-6), SiteRole.Norm));
        return new TinyModel([.. sites]) { Bare = bare ? new BaseTensor("gain", ones(1)) : null };
    }

    [PeftMethod("X_COUNTED", Paper = "a test double")]
    private sealed record CountedConfig : PeftConfig
    {
        public Action<Tensor>? Seen { get; init; }

        protected internal override Adapter? Create(Site site, Construction construction) => new Scaling(site.Host.OutFeatures, Seen, start: 0.5);
    }
}
