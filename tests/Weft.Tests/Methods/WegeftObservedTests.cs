using Weft.Adapters;
using Weft.Methods;
using Weft.Models;

namespace Weft.Tests.Methods;

/// <summary>What the authors' release refuses or breaks on (golden/wegeft release-observed), done as its words say.</summary>
public sealed class WegeftObservedTests : IDisposable
{
    private readonly CausalModel model = RandomLlama.Create();

    [Fact]
    public void Target_modules_may_be_an_expression_or_all_linear()
    {
        var listed = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj", "v_proj") }.AttachTo(model, "list");
        var expressed = new WegeftConfig { Rank = 2, TargetModules = Targets.Matching(@".*\.(q|v)_proj") }.AttachTo(model, "expression");
        Assert.Equal(listed.Places.Select(p => p.Site.Name), expressed.Places.Select(p => p.Site.Name));
        Assert.Equal(listed.Count, expressed.Count);
        var all = new WegeftConfig { Rank = 2, TargetModules = Targets.Matching("all-linear") }.AttachTo(model, "all");
        Assert.Equal(14, all.Places.Count);
        Assert.DoesNotContain("lm_head", all.Places.Select(p => p.Site.Name));
        model.Logits(RandomLlama.Batch);
    }

    [Fact]
    public void A_second_adapter_may_have_other_targets()
    {
        var first = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj") }.AttachTo(model, "first");
        var second = new WegeftConfig { Rank = 3, TargetModules = new Targets("down_proj") }.AttachTo(model, "second");
        RandomLlama.Disturb(first);
        RandomLlama.Disturb(second);
        var alone = model.Logits(RandomLlama.Batch);
        model.Activate("first", "second");
        Assert.False(Bits.Same(alone, model.Logits(RandomLlama.Batch)));
    }

    [Fact]
    public void An_alpha_pattern_acts_only_where_the_rank_pattern_has_its_key_or_it_is_a_whole_path()
    {
        var config = new WegeftConfig
        {
            Rank = 4,
            Alpha = 8,
            Sharing = "module",
            TargetModules = new Targets("q_proj", "v_proj", "k_proj"),
            RankPattern = new Dictionary<string, int> { ["q_proj"] = 2 },
            AlphaPattern = new Dictionary<string, double> { ["q_proj"] = 6, ["v_proj"] = 32, ["model.layers.1.self_attn.k_proj"] = 16 },
        };
        foreach (var name in new[] { "first", "second" }) // the release forgets the pattern for a second adapter
        {
            var set = AdaptationPlan.For(config, model, isSaved: true).Build(name);
            double Scale(string site) => set.Places.Single(p => p.Site.Name == site) is var p && p.Adapter.AsLowRank(p.Site.Host) is { } pair ? pair.Alpha / pair.A.shape[0] : 0;
            Assert.Equal(3, Scale("model.layers.0.self_attn.q_proj"));
            Assert.Equal(2, Scale("model.layers.0.self_attn.v_proj"));
            Assert.Equal(2, Scale("model.layers.0.self_attn.k_proj"));
            Assert.Equal(4, Scale("model.layers.1.self_attn.k_proj"));
        }
    }

    [Fact]
    public void A_key_that_would_not_act_is_refused_in_a_new_config()
    {
        var config = new WegeftConfig { Rank = 4, Alpha = 8, Sharing = "module", TargetModules = new Targets("q_proj") };
        Assert.Contains("model.layers.0.self_attn.q_proj: alpha_pattern \"q_proj\" 32 does not act, its α is 8: a key acts where it is also the module's key in rank_pattern, or is a whole path that rank_pattern does not match. Give rank_pattern \"q_proj\": 4 too.",
            Refusal(config with { AlphaPattern = new Dictionary<string, double> { ["q_proj"] = 32 } }), StringComparison.Ordinal);
        Assert.Contains("model.layers.0.self_attn.q_proj: transform_dim \"layers.0.self_attn.q_proj\" does not act: a key is the last part of a path, here q_proj.",
            Refusal(config with { TransformDim = new Dictionary<string, string> { ["layers.0.self_attn.q_proj"] = "output" } }), StringComparison.Ordinal);
        Assert.Contains("slices \".*proj\" does not act: a key is the last part of a path, here q_proj.",
            Refusal(config with { Slices = new Dictionary<string, IReadOnlyList<string?>> { [".*proj"] = ["a", null] } }), StringComparison.Ordinal);
        config = config with { RankPattern = new Dictionary<string, int> { ["q_proj"] = 4 }, AlphaPattern = new Dictionary<string, double> { ["q_proj"] = 32 } };
        Assert.Equal(32, config.AttachTo(model).Places[0].Adapter.AsLowRank(model.Sites.First(s => s.LocalName == "q_proj").Host)!.Alpha);
    }

    [Theory, InlineData(0), InlineData(1), InlineData(2)]
    public void Slices_without_a_pair_are_refused(int count) => Assert.Contains(
        "slices of q_proj name no pair, so nothing there would be trained. Name one, or leave q_proj out of target_modules.",
        Refusal(new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj"), Slices = new Dictionary<string, IReadOnlyList<string?>> { ["q_proj"] = new string?[count] } }), StringComparison.Ordinal);

    [Fact]
    public void A_tied_group_has_one_rank_and_one_width()
    {
        var ranks = Refusal(new WegeftConfig { Rank = 4, TargetModules = new Targets("q_proj"), RankPattern = new Dictionary<string, int> { [@"1\.self_attn\.q_proj"] = 2 } });
        Assert.Contains("model.layers.1.self_attn.q_proj: its rank is 2, and that of model.layers.0.self_attn.q_proj, whose pair it shares, 4. Give a group one rank.", ranks, StringComparison.Ordinal);
        var widths = Refusal(new WegeftConfig { Rank = 4, TargetModules = new Targets("q_proj", "down_proj"), TiedModules = [[".*"]] });
        Assert.Contains("model.layers.0.mlp.down_proj: it edits 24 features, and model.layers.0.self_attn.q_proj, whose pair it shares, 16. A pair serves equal widths only: group them apart.", widths, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tied_group_has_one_scale_too()
    {
        var message = Refusal(new WegeftConfig
        {
            Rank = 4,
            Alpha = 8,
            TargetModules = new Targets("q_proj"),
            AlphaPattern = new Dictionary<string, double> { ["model.layers.1.self_attn.q_proj"] = 16 },
        });
        Assert.Contains("model.layers.1.self_attn.q_proj: its α is 16, and that of model.layers.0.self_attn.q_proj, whose pair it shares, 8. Give a group one α.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_may_be_called_like_part_of_a_module()
    {
        var first = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj", "down_proj") }.AttachTo(model, "first");
        var named = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj", "down_proj") }.AttachTo(model, "proj");
        Assert.Equal(4, named.Saved().Count());
        Assert.Equal(first.Saved().Select(t => t.Key), named.Saved().Select(t => t.Key));
    }

    [Fact]
    public void Deleting_the_acting_adapter_leaves_the_base_and_the_other_can_be_switched_on()
    {
        var untouched = model.Logits(RandomLlama.Batch);
        var second = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj") }.AttachTo(model, "second");
        RandomLlama.Disturb(second);
        var adapted = model.Logits(RandomLlama.Batch);
        var first = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj") }.AttachTo(model, "first");
        RandomLlama.Disturb(first, 3);
        first.Detach();
        Assert.Empty(model.ActiveAdapters);
        Assert.True(Bits.Same(untouched, model.Logits(RandomLlama.Batch)));
        model.Activate("second");
        Assert.True(Bits.Same(adapted, model.Logits(RandomLlama.Batch)));
        Assert.Equal("No adapter is called first. Attached are: second.", Assert.Throws<ArgumentException>(() => model.Activate("first")).Message);
    }

    [Fact]
    public void An_unknown_start_is_refused()
    {
        var refusal = Assert.Throws<System.Text.Json.JsonException>(() => PeftConfig.FromJson("""{"peft_type":"WeGeFT","init_wegeft_weights":"gaussian","target_modules":["q_proj"]}"""));
        Assert.Contains("init_wegeft_weights", refusal.Message, StringComparison.Ordinal);
    }

    public void Dispose() => model.Dispose();

    private string Refusal(WegeftConfig config) => Assert.Throws<ArgumentException>(() => config.AttachTo(model)).Message;
}
