using Weft.Checkpoints;
using Weft.Cli.Verification;

namespace Weft.Tests.Cli.Verification;

/// <summary>Cases of the reference implementations, through the verb: what can be computed passes by the case's own rule, and the rest is listed.</summary>
public sealed class VerifyGoldenTests
{
    private static readonly string[] wegeft = ["release-type-shared", "release-layerwise", "release-modules-to-save", "release-bias-all", "release-zero-phi", "math-lora-export", "stories-serving"];
    private static readonly string[] peft = ["lora_defaults", "lora_all_linear", "lora_modules_to_save_lm_head", "lora_embedding_lm_head", "lora_patterns", "lora_rslora", "lora_regex"];

    public static TheoryData<string> Cases =>
    [
        .. SharedData.Cases("golden", "models").Where(c => c == "mistral" || c.StartsWith("llama", StringComparison.Ordinal) && c != "llama-sequence").Select(c => $"models/{c}"),
        .. wegeft.Select(c => $"wegeft/{c}"), .. peft.Select(c => $"peft/{c}"),
        "smollm2/adapter-wegeft", "smollm2/adapter-lora", "smollm2/forward", "smollm2/generate",
    ];

    [Theory, MemberData(nameof(Cases))]
    public void Everything_that_can_be_computed_passes(string name)
    {
        var report = Verify(name);
        Assert.True(report.Passed, string.Join('\n', report.Lines()));
        using var expected = Safetensors.Open(report.Request.Expected);
        Assert.Equal(expected.Tensors.Keys.Order(StringComparer.Ordinal), report.Compared.Select(c => c.Name).Concat(report.NotChecked.Select(n => n.Name)).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(report.NotChecked, n => n.Name is "logits" or "loss" or "generate.ids" or "base_logits" or "merged_logits" || n.Name.StartsWith("grad.", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("wegeft/math-token-selective", "token_mask"), InlineData("wegeft/release-dropout-train", "mask.model.layers.0"), InlineData("wegeft/math-scale", "no r2.linear.input_ids")]
    [InlineData("wegeft/release-two-adapters", "several adapters"), InlineData("wegeft/stories-wegeft", "training trace"), InlineData("smollm2/train-lora", "does not train")]
    public void A_case_of_which_nothing_can_be_computed_fails_and_says_why(string name, string reason)
    {
        var report = Verify(name);
        Assert.Equal((0, 1), (report.Compared.Count, report.ExitCode));
        Assert.Contains(report.NotChecked, n => n.Reason.Contains(reason, StringComparison.Ordinal));
    }

    [Theory, InlineData("models/llama-sequence", "LlamaForSequenceClassification"), InlineData("wegeft/release-roberta", "RobertaForSequenceClassification"), InlineData("models/gpt2", "gpt2")]
    public void Another_model_is_refused_by_its_name(string name, string what) =>
        Assert.Contains(what, Assert.ThrowsAny<Exception>(() => Verify(name)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_reference_in_bf16_is_further_away_than_its_own_tolerance() =>
        Assert.Contains(Verify("wegeft/release-bf16").Compared, c => c is { Name: "logits", Passed: false }); // verify computes in fp32

    private static VerifyReport Verify(string name) => Verifier.Run(CaseFolder.Read(SharedData.Path(["golden", .. name.Split('/')])));
}
