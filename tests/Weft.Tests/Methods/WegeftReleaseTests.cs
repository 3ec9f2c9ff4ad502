using Weft.Adapters;

namespace Weft.Tests.Methods;

/// <summary>WeGeFT as the authors' release computes, saves and trains it: golden/wegeft, cases release-*.</summary>
public sealed class WegeftReleaseTests
{
    private static readonly string[] otherwiseTested =
        ["release-roberta", "release-counts", "release-observed", "release-bf16", "release-dropout-train", "release-two-adapters", "release-two-adapters-tied"];

    public static TheoryData<string> Cases =>
        [.. SharedData.Cases("golden", "wegeft").Where(c => c.StartsWith("release-", StringComparison.Ordinal) && !otherwiseTested.Contains(c)).DefaultIfEmpty("release-type-shared")];

    [Theory, MemberData(nameof(Cases))]
    public void Outputs_gradients_merge_files_and_training_equal_the_release(string name)
    {
        using var golden = new GoldenCase("wegeft", name);
        golden.CheckLogits("base_logits");
        var set = golden.Load();
        Assert.Equal(golden.Facts.GetProperty("parameters").GetProperty("trainable").GetInt64(), set.Count);
        Assert.Equal(golden.Facts.GetProperty("parameters").GetProperty("adapter").GetInt64(), set.AdapterCount);
        golden.CheckLogits("logits");
        golden.CheckLossAndGradients(set);
        golden.CheckMerge("merged_logits");
        if (name != "release-bias-only") golden.CheckBytes(set); // the release trains those biases and does not save them; ours are saved
        if (!golden.Expects("trace.loss")) return;
        var losses = golden.Train(set, i => (golden.Batch("train.", i), golden.Labels("train.", i)));
        Closeness.Check("trace.loss", tensor(losses.ToArray()), golden.Expected("trace.loss"), golden.Tolerance("trace", 1e-4));
        foreach (var (key, value) in set.Parameters) Closeness.Check($"final.{key}", value, golden.Expected($"final.{key}"), golden.Tolerance("final", 2e-3));
    }

    [Fact]
    public void Trained_biases_of_adapted_modules_are_saved_and_come_back()
    {
        using var golden = new GoldenCase("wegeft", "release-bias-only");
        var set = golden.Load();
        Assert.Contains("The file holds none of the 15 biases that bias \"wegeft_only\" trains; they are the base's.", set.Notes);
        foreach (var trained in set.TrainedTensors)
        {
            using var _ = no_grad();
            trained.Value.add_(0.5f);
        }
        using var logits = golden.Model.Logits(golden.Batch());
        using var folder = new Checkpoints.TemporaryFolder();
        set.Save(folder.Path);
        set.Detach();
        var back = AdapterSet.Load(folder.Path, golden.Model);
        Assert.Empty(back.Notes);
        Assert.Contains("base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias", back.Saved().Select(t => t.Key));
        Assert.True(Bits.Same(golden.Model.Logits(golden.Batch()), logits));
    }
}
