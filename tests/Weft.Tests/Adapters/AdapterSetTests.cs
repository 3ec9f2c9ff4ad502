using Weft.Adapters;
using Weft.Methods;
using Weft.Models;
using Weft.Tests.Checkpoints;
using Weft.Tests.Methods;

namespace Weft.Tests.Adapters;

/// <summary>The life of a set of adapters: who owns its tensors, and what its folder holds at any moment.</summary>
public sealed class AdapterSetTests : IDisposable
{
    private static readonly LoraConfig config = new() { Rank = 2, TargetModules = new Targets("q_proj") };
    private readonly CausalModel model = RandomLlama.Create();
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void Detaching_twice_leaves_another_set_of_the_same_name()
    {
        var first = config.AttachTo(model);
        first.Detach();
        var second = config.AttachTo(model);
        first.Detach();
        Assert.Same(second, model.Adapters["default"]);
        Assert.Equal(["default"], model.ActiveAdapters);
    }

    [Fact]
    public void A_disposed_set_is_out_of_its_model_and_its_plan_builds_anew()
    {
        var untouched = model.Logits(RandomLlama.Batch);
        var plan = config.Plan(model);
        var set = plan.Build();
        set.Attach();
        RandomLlama.Disturb(set);
        set.Dispose();
        set.Dispose();
        Assert.Empty(model.Adapters);
        Assert.True(Bits.Same(untouched, model.Logits(RandomLlama.Batch)));
        Assert.Throws<ObjectDisposedException>(set.Attach);
        using var again = plan.Build();
        Assert.Equal(2 * 2 * (16 + 16), again.Count);
    }

    [Fact]
    public void Whoever_builds_in_vain_leaves_no_tensor_behind()
    {
        var set = new WegeftConfig { Rank = 2, Sharing = "module", TargetModules = new Targets("q_proj", "v_proj") }.AttachTo(model);
        set.Save(folder.Path);
        set.Dispose();
        var text = File.ReadAllText(folder.File("adapter_config.json"));
        using var taken = config.AttachTo(model, "taken");
        var plan = config.Plan(model);
        // The tensor that a Parameter takes over stays in TorchSharp's count for ever, so every one that was built adds one and no more.
        var live = LiveTensors.Settled();
        foreach (var (built, build) in new (int, Action)[]
        {
            (0, () => config.AttachTo(model, "taken")),
            (0, () => AdapterSet.Load(folder.Path, model, "taken")),
            (2, () => new WegeftConfig { Rank = 20, TargetModules = new Targets("down_proj", "q_proj") }.AttachTo(model)), // only one of them is wide enough
            (8, () =>
            {
                File.WriteAllText(folder.File("adapter_config.json"), text.Replace("\"r\": 2", "\"r\": 3", StringComparison.Ordinal));
                AdapterSet.Load(folder.Path, model);
            }),
        })
        {
            Assert.ThrowsAny<Exception>(build);
            live += built;
            Assert.Equal(live, LiveTensors.Settled());
        }
        Assert.NotEmpty(plan.Rows());
        Assert.True(plan.Estimate(10).Trainable > 0);
        Assert.Equal(live + 8, LiveTensors.Settled());
    }

    [Fact]
    public void Looking_at_a_plan_does_not_change_what_is_built()
    {
        random.manual_seed(3);
        using var alone = config.Plan(model).Build("alone");
        random.manual_seed(3);
        var plan = config.Plan(model);
        plan.Rows();
        plan.Estimate(10);
        using var looked = plan.Build("looked");
        foreach (var (one, other) in alone.Parameters.Zip(looked.Parameters)) Assert.True(Bits.Same(one.Value, other.Value));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_whole_stays_as_it_was()
    {
        var set = config.AttachTo(model);
        set.Save(folder.Path);
        var tensors = File.ReadAllBytes(folder.File("adapter_model.safetensors"));
        File.Delete(folder.File("weft.json"));
        Directory.CreateDirectory(folder.File("weft.json"));
        RandomLlama.Disturb(set);
        Assert.StartsWith($"{folder.Path} could not be written: {folder.File("weft.json")} is a folder.", Assert.Throws<IOException>(() => set.Save(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Equal(tensors, File.ReadAllBytes(folder.File("adapter_model.safetensors")));
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors", "weft.json"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName).Order());
    }

    [Theory, InlineData("{"), InlineData("[]"), InlineData("""{"base_fingerprint": 3}"""), InlineData("""{"base_fingerprint": "abc"}""")]
    public void A_broken_file_of_ours_is_named(string text)
    {
        config.Plan(model).Build().Save(folder.Path);
        File.WriteAllText(folder.File("weft.json"), text);
        Assert.StartsWith($"{folder.File("weft.json")} is broken: ", Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model, force: true)).Message, StringComparison.Ordinal);
        Assert.Empty(model.Adapters);
    }

    public void Dispose()
    {
        model.Dispose();
        folder.Dispose();
    }
}
