using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Cli.Verification;

namespace Weft.Tests.Cli.Verification;

/// <summary>What a verification compares, what it refuses to overlook, and what it says.</summary>
public sealed class VerifierTests : IDisposable
{
    private readonly TinyCase tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public void Equal_outputs_pass_and_everything_expected_is_either_compared_or_listed()
    {
        var report = tiny.Verified();
        Assert.True(report.Passed, string.Join('\n', report.Lines()));
        Assert.Equal(0, report.ExitCode);
        Assert.Equal(tiny.Outputs.Count, report.Compared.Count + report.NotChecked.Count);
        Assert.Equal(["trace.loss"], report.NotChecked.Select(n => n.Name));
        Assert.Contains("verify does not train", report.NotChecked[0].Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("logits"), InlineData("loss"), InlineData("left.logits"), InlineData("base_logits"), InlineData("merged.logits")]
    [InlineData("merged." + TinyCase.Query), InlineData("delta." + TinyCase.Query), InlineData("grad.base_model.model." + "model.layers.0.self_attn.q_proj.lora_A.weight")]
    public void A_changed_number_fails_with_its_difference(string name)
    {
        var changed = tiny.Outputs[name];
        var one = zeros(changed.numel());
        one[0] = changed.abs().max() * 0.01;
        tiny.Outputs[name] = name == "left.logits" ? changed + one.view(changed.shape).flip(0) : changed + one.view(changed.shape); // its first position is padding
        var report = tiny.Verified();
        var failed = Assert.Single(report.Compared, c => !c.Passed);
        Assert.Equal(name, failed.Name);
        Assert.InRange(failed.Difference, 0.009, 0.1); // above 0.01 where the largest value stands at a padded position, which the rule leaves out
        Assert.Equal(1, report.ExitCode);
        Assert.Contains("1 of", report.Verdict, StringComparison.Ordinal);
    }

    [Fact]
    public void Padded_positions_do_not_count_whatever_they_hold()
    {
        tiny.Outputs["logits"] = tiny.Outputs["logits"].clone();
        tiny.Outputs["logits"][1, 4] = float.NaN;
        tiny.Outputs["left.logits"] = tiny.Outputs["left.logits"].clone();
        tiny.Outputs["left.logits"][0, 0] = 1e9f;
        Assert.True(tiny.Verified().Passed);
    }

    [Fact]
    public void Not_a_number_fails()
    {
        tiny.Outputs["logits"] = tiny.Outputs["logits"].clone();
        tiny.Outputs["logits"][0, 0, 3] = float.NaN;
        tiny.Outputs["loss"] = tensor(float.PositiveInfinity);
        var failed = tiny.Verified().Compared.Where(c => !c.Passed).ToList();
        Assert.Equal(["logits", "loss"], failed.Select(c => c.Name).Order(StringComparer.Ordinal));
        Assert.All(failed, c => Assert.Contains("not finite", c.Problem, StringComparison.Ordinal));
    }

    [Fact]
    public void Other_shapes_fail_with_both()
    {
        tiny.Outputs["logits"] = zeros(2, 5, 41);
        Assert.Equal("(2, 5, 40) for (2, 5, 41) expected", Assert.Single(tiny.Verified().Compared, c => !c.Passed).Problem);
    }

    [Fact]
    public void A_hidden_state_that_the_model_lacks_fails()
    {
        tiny.Outputs["left.hidden.3"] = zeros(2, 4, 16);
        Assert.Equal("the model has hidden.0 to hidden.2", Assert.Single(tiny.Verified().Compared, c => !c.Passed).Problem);
    }

    [Fact]
    public void Tokens_count_up_to_the_first_end_token_of_a_row()
    {
        var right = tiny.Outputs["generate.ids"];
        var ids = right.clone();
        ids[0, 2] = 2; // ours says another token here
        ids[0, 3] = 39;
        tiny.Outputs["generate.ids"] = ids;
        var failed = Assert.Single(tiny.Verified().Compared, c => !c.Passed);
        Assert.Equal(1, failed.Difference);
        Assert.StartsWith("1 token differs in row 0 at 2", failed.Problem, StringComparison.Ordinal);

        tiny.Outputs["generate.ids"] = right;
        File.WriteAllText(tiny.File("model/generation_config.json"), $$"""{"eos_token_id": [{{right[1, 1].item<long>()}}, 2]}""");
        right.narrow(0, 1, 1).narrow(1, 2, 4).fill_(0);
        Assert.True(tiny.Verified().Passed);
    }

    [Fact]
    public void Nothing_checked_is_a_failure()
    {
        foreach (var name in tiny.Outputs.Keys.Where(k => k != "trace.loss").ToList()) tiny.Outputs.Remove(name);
        var report = tiny.Verified();
        Assert.Equal(1, report.ExitCode);
        Assert.StartsWith("Nothing was checked", report.Lines().Last(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_with_an_input_that_the_model_lacks_is_not_made_and_says_which()
    {
        tiny.Inputs["left.token_mask"] = ones(2, 4, dtype: int64);
        var report = tiny.Verified();
        Assert.Equal(["generate.ids", "left.hidden.0", "left.hidden.1", "left.hidden.2", "left.logits", "trace.loss"], report.NotChecked.Select(n => n.Name).Order(StringComparer.Ordinal));
        Assert.Contains("token_mask", report.NotChecked.First(n => n.Name == "left.logits").Reason, StringComparison.Ordinal);
        Assert.True(report.Passed);
    }

    [Fact]
    public void Names_without_a_run_and_unknown_names_are_listed_with_the_reason()
    {
        tiny.Outputs["b1.logits"] = zeros(1);
        tiny.Outputs["left.loss"] = zeros(1);
        tiny.Outputs["generate.logprobs"] = zeros(1);
        tiny.Outputs["grad.nothing.weight"] = zeros(1);
        tiny.Outputs["delta.nothing.weight"] = zeros(1);
        var reasons = tiny.Verified().NotChecked.ToDictionary(n => n.Name, n => n.Reason);
        Assert.Equal("the inputs have no b1.input_ids, so there is no such run", reasons["b1.logits"]);
        Assert.Equal("the run left has no labels, which say what the loss is over", reasons["left.loss"]);
        Assert.StartsWith("no quantity that verify knows", reasons["generate.logprobs"], StringComparison.Ordinal);
        Assert.Equal("neither the checkpoint nor the adapter has a tensor of that key", reasons["grad.nothing.weight"]);
        Assert.Equal("\"nothing.weight\" is neither a quantity nor a tensor of the model", reasons["delta.nothing.weight"]);
    }

    [Fact]
    public void The_tolerance_of_the_case_replaces_the_default()
    {
        tiny.Outputs["logits"] = tiny.Outputs["logits"] * 1.001f;
        Assert.False(tiny.Verified().Passed);
        tiny.Facts["tolerance"] = new JsonObject { ["logits"] = 0.01 };
        var report = tiny.Verified();
        Assert.True(report.Passed, string.Join('\n', report.Lines()));
        Assert.StartsWith("≤ 0.01 of its largest value", report.Compared.Single(c => c.Name == "logits").Rule, StringComparison.Ordinal);
        tiny.Facts["tolerance"] = 0.01;
        Assert.True(tiny.Verified().Passed);
    }

    [Fact]
    public void Gradients_of_the_base_are_compared_without_an_adapter_and_leave_it_frozen()
    {
        var request = tiny.Written() with { Adapter = null };
        tiny.Outputs.Clear();
        tiny.Outputs["grad.model.embed_tokens.weight"] = zeros(40, 16);
        tiny.Outputs["grad.lm_head.weight"] = zeros(40, 16);
        Safetensors.Write(request.Expected, tiny.Outputs.Select(t => (t.Key, t.Value)));
        var report = Verifier.Run(request);
        Assert.Equal(2, report.Compared.Count);
        Assert.All(report.Compared, c => Assert.False(c.Passed)); // they are not zero
    }

    [Fact]
    public void Gradients_of_a_run_that_is_not_there_are_refused_with_those_that_are()
    {
        var e = Assert.Throws<ArgumentException>(() => Verifier.Run(tiny.Written() with { GradientsOf = "rigth" }));
        Assert.Contains("\"rigth\"", e.Message, StringComparison.Ordinal);
        Assert.Contains("the one without a prefix, left", e.Message, StringComparison.Ordinal);
        var report = Verifier.Run(tiny.Written() with { GradientsOf = "left" });
        Assert.Contains(report.NotChecked, n => n.Reason == "the run left has no labels, so there is no loss to differentiate");
    }

    [Fact]
    public void Inputs_that_do_not_fit_are_refused_all_at_once()
    {
        tiny.Inputs["input_ids"] = tensor(new long[,] { { 5, 6, 40, 8, 9 }, { 3, 4, 30, 31, 0 } });
        tiny.Inputs["labels"] = zeros(2, 4, dtype: int64);
        var e = Assert.Throws<InvalidDataException>(tiny.Verified);
        Assert.Contains("input_ids: 40 is no id of a vocabulary of 40", e.Message, StringComparison.Ordinal);
        Assert.Contains("labels: (2, 4) for (2, 5) of input_ids", e.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData("attention_mask"), InlineData("labels"), InlineData("position_ids")]
    public void A_run_with_an_input_of_another_shape_is_not_made_and_the_others_are(string name)
    {
        tiny.Inputs[$"left.{name}"] = zeros([2, 1, 4, 4], dtype: int64);
        var report = tiny.Verified();
        Assert.True(report.Passed, string.Join('\n', report.Lines()));
        Assert.Contains(report.Compared, c => c.Name == "logits");
        Assert.Equal($"the run left is not made: left.{name}: (2, 1, 4, 4) for (2, 4) of input_ids", report.NotChecked.Single(n => n.Name == "left.logits").Reason);
    }

    [Fact]
    public void A_tolerance_that_is_no_number_is_noted()
    {
        tiny.Facts["tolerance"] = "1e-3";
        Assert.Contains("tolerance is \"1e-3\", which is no number: it is left out", Assert.Single(tiny.Verified().Notes), StringComparison.Ordinal);
        tiny.Facts["tolerance"] = new JsonObject { ["outputs"] = "exact", ["logits"] = 1e-4, ["loss"] = null };
        Assert.Contains("tolerance.outputs is \"exact\"", Assert.Single(tiny.Verified().Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_files_are_named_together()
    {
        var e = Assert.Throws<FileNotFoundException>(() => Verifier.Run(new VerifyRequest(tiny.File("model"), "/nowhere/a", "/nowhere/i", "/nowhere/o")));
        foreach (var part in new[] { "/nowhere/a", "/nowhere/i", "/nowhere/o" }) Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_with_another_head_is_refused_by_its_name()
    {
        var config = JsonNode.Parse(File.ReadAllText(tiny.File("model/config.json")))!;
        config["architectures"] = new JsonArray("LlamaForSequenceClassification");
        File.WriteAllText(tiny.File("model/config.json"), config.ToJsonString());
        Assert.Contains("LlamaForSequenceClassification", Assert.Throws<NotSupportedException>(tiny.Verified).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_as_json_holds_all_that_the_lines_say()
    {
        tiny.Outputs["logits"] = zeros(2, 5, 41);
        var report = tiny.Verified();
        var json = JsonNode.Parse(report.ToJson().ToJsonString())!;
        Assert.False((bool)json["passed"]!);
        Assert.Equal(1, (int)json["failed"]!);
        Assert.Equal(report.Compared.Count, json["compared"]!.AsArray().Count);
        var wrong = json["compared"]!.AsArray().Single(c => !(bool)c!["passed"]!)!;
        Assert.Null(wrong["difference"]);
        Assert.Equal("(2, 5, 40) for (2, 5, 41) expected", (string)wrong["problem"]!);
        Assert.Equal("trace.loss", (string)json["not_checked"]![0]!["name"]!);
        var lines = report.Lines().ToList();
        foreach (var name in tiny.Outputs.Keys) Assert.Contains(lines, l => l.Contains(name, StringComparison.Ordinal));
    }
}
