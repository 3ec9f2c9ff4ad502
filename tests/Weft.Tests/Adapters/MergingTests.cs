using TorchSharp.Utils;
using Weft.Adapters;
using Weft.Methods;
using Weft.Models;
using Weft.Tests.Checkpoints;
using Weft.Tests.Methods;

namespace Weft.Tests.Adapters;

/// <summary>What a merge leaves behind: whose base a saved set names, which weights live on, who may act.</summary>
public sealed class MergingTests : IDisposable
{
    private readonly CausalModel model = RandomLlama.Create(tied: true);
    private readonly TemporaryFolder folder = new();

    [Theory, InlineData(false), InlineData(true)]
    public void A_set_names_the_base_it_was_made_for_whatever_was_merged_since(bool unmerges)
    {
        var base_ = Fingerprint.Of(model);
        var set = Attached("q_proj", "v_proj");
        var merging = Merging.Into(model);
        Assert.NotEqual(base_, Fingerprint.Of(model));
        if (unmerges) merging.Unmerge();
        Assert.Equal(unmerges, base_ == Fingerprint.Of(model));
        set.Save(folder.Path);
        using var fresh = RandomLlama.Create(tied: true);
        Assert.Empty(AdapterSet.Load(folder.Path, fresh).Notes);
    }

    [Theory, InlineData("embed_tokens"), InlineData("lm_head"), InlineData("embed_tokens", "lm_head")]
    public void Unmerging_in_closed_form_ties_again_and_happens_once(params string[] targets)
    {
        var (count, before) = (model.Count, model.Tensors.ToDictionary(t => t.Key, t => t.Pretrained.clone()));
        Attached(targets);
        var adapted = model.Logits(RandomLlama.Batch);
        var merging = Merging.Into(model);
        Assert.True(model.Count > count);
        merging.Unmerge();
        Assert.Equal(count, model.Count);
        Closeness.Check("unmerged", model.Logits(RandomLlama.Batch), adapted, 1e-5);
        Assert.Equal("This merge was taken out already.", Assert.Throws<InvalidOperationException>(merging.Unmerge).Message);
        foreach (var tensor in model.Tensors) Closeness.Check(tensor.Key, tensor.Pretrained, before[tensor.Key], 1e-5);
    }

    [Fact]
    public void What_is_merged_does_not_act_again_and_nothing_acts_twice()
    {
        var set = Attached("q_proj");
        Assert.Equal("default, default: an adapter acts once. Name each one once.", Assert.Throws<ArgumentException>(() => model.Activate("default", "default")).Message);
        Merging.Into(model);
        const string refusal = "default: merged into the weights already, so acting would count twice. Unmerge first.";
        Assert.Equal(refusal, Assert.Throws<ArgumentException>(() => model.Activate("default")).Message);
        Assert.Equal($"The call does not fit:\n  {refusal}", Assert.Throws<ArgumentException>(() => model.Logits(RandomLlama.Batch, call: new Call { RowAdapters = ["default", null] })).Message);
        set.Detach();
        Assert.Equal(refusal, Assert.Throws<ArgumentException>(set.Attach).Message);
    }

    [Fact]
    public void Merges_are_taken_out_in_turn()
    {
        var untouched = model.Logits(RandomLlama.Batch);
        Attached("q_proj");
        var first = Merging.Into(model, keepBits: true);
        RandomLlama.Disturb(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") }.AttachTo(model, "second"));
        var second = Merging.Into(model);
        Assert.Equal("second was merged afterwards. Take that out first.", Assert.Throws<InvalidOperationException>(first.Unmerge).Message);
        second.Unmerge();
        first.Unmerge();
        model.DisableAdapters();
        Assert.True(Bits.Same(untouched, model.Logits(RandomLlama.Batch)));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Old_weights_are_freed_unless_they_are_kept(bool keepBits)
    {
        Attached("q_proj");
        Fingerprint.Of(model);
        var live = LiveTensors.Settled();
        var merging = Merging.Into(model, keepBits);
        Assert.Equal(keepBits ? 2 : 0, LiveTensors.Settled() - live);
        GC.KeepAlive(merging);
    }

    [Fact]
    public void What_depends_on_the_weights_is_not_written_from_merged_ones()
    {
        var set = Attached("embed_tokens", "q_proj");
        set.Save(folder.Path);
        var written = File.ReadAllBytes(folder.File("adapter_model.safetensors"));
        Merging.Into(model);
        Assert.Contains("would carry base_model.model.model.embed_tokens.base_layer.weight as merged", Assert.Throws<InvalidOperationException>(() => set.Save(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("default is merged into the weights", Assert.Throws<InvalidOperationException>(() => LoraExport.Write(set, folder.Path)).Message, StringComparison.Ordinal);
        Assert.Equal(written, File.ReadAllBytes(folder.File("adapter_model.safetensors")));
    }

    [Fact]
    public void A_change_of_a_tensor_that_a_module_does_not_have_is_refused_by_both_names()
    {
        new ShiftedConfig { TargetModules = new Targets("norm", "lm_head") }.AttachTo(model);
        Assert.Equal(
            "These cannot be merged:\n" +
            "  model.norm: its X_SHIFTED adapter changes a bias, and the module has none\n" +
            "  lm_head: its X_SHIFTED adapter changes a bias, and the module has none\n" +
            "Keep the adapter, or leave these modules out.",
            Assert.Throws<NotSupportedException>(() => Merging.Into(model)).Message);
        Assert.Equal(["default"], model.ActiveAdapters);
    }

    public void Dispose()
    {
        model.Dispose();
        folder.Dispose();
    }

    private AdapterSet Attached(params string[] targets)
    {
        var set = new LoraConfig { Rank = 2, TargetModules = new Targets(targets) }.AttachTo(model);
        RandomLlama.Disturb(set);
        return set;
    }

    /// <summary>y + b at a module that may have no bias.</summary>
    [PeftMethod("X_SHIFTED", Paper = "a test double")]
    private sealed record ShiftedConfig : PeftConfig
    {
        protected internal override Adapter? Create(Site site, Construction construction) => new Shift(site.Host.OutFeatures);

        private sealed class Shift : Adapter
        {
            [ComponentName(Name = "shift")] private readonly Parameter shift;

            public Shift(long width) : base(nameof(Shift))
            {
                shift = new Parameter(ones(width));
                RegisterComponents();
            }

            public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
            {
                using var scope = NewDisposeScope();
                return (rest.Forward(x) + shift).MoveToOuterDisposeScope();
            }

            public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host) => new Dictionary<string, Tensor> { ["bias"] = shift.alias() };
        }
    }
}
