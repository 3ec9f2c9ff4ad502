using System.Text.Json.Nodes;
using Weft.Cli;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>The verbs on a tiny random model.</summary>
public sealed class VerbTests
{
    [Fact]
    public void Plan_lists_modules_and_both_percentages()
    {
        var (code, output, error) = Tool.Run("plan", "--model", TinyModel.Folder, "adapter.rank=4");
        Assert.True(code == ExitCode.Done, error);
        Assert.Contains("model.layers.*.self_attn.q_proj", output, StringComparison.Ordinal);
        Assert.Contains("2 of 2", output, StringComparison.Ordinal);
        Assert.Contains("% of the base (WeGeFT's convention)", output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
        var plan = JsonNode.Parse(Tool.Run("plan", "--model", TinyModel.Folder, "adapter.rank=4", "--json").Output)!;
        // type-shared: 2·r·in for each of seven types; six of them read 16 features and down_proj 24
        Assert.Equal(2 * 4 * (6 * 16 + 24), (int)plan["estimate"]!["trainable"]!);
    }

    [Fact]
    public void Plan_shows_what_does_not_match_and_fails()
    {
        var (code, output, _) = Tool.Run("plan", "--model", TinyModel.Folder, "adapter.target_modules=[query]");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("target_modules \"query\" matches no module. The model has:", output, StringComparison.Ordinal);
        (code, output, _) = Tool.Run("plan", "--model", TinyModel.Folder, "--method", "lora", "adapter.rank=17");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("rank 17 is more than", output, StringComparison.Ordinal);
        (code, output, _) = Tool.Run("plan", "--model", TinyModel.Folder, "adapter.rank=0");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("a rank is at least 1", output, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, Tool.Run("plan", "--model", TinyModel.Folder, "--tokens", "0").Code);
    }

    [Fact]
    public void Inspect_reads_a_model_without_its_tensors()
    {
        var (code, output, _) = Tool.Run("inspect", TinyModel.Folder);
        Assert.Equal(ExitCode.Done, code);
        Assert.Contains("model.layers.*.mlp.down_proj.weight", output, StringComparison.Ordinal);
        var node = JsonNode.Parse(Tool.Run("inspect", TinyModel.Folder, "--all", "--json").Output)!;
        Assert.Equal("llama", (string?)node["model_type"]);
        Assert.Equal((int)node["tensors"]!, node["tensor"]!.AsArray().Count);
    }

    [Fact]
    public void A_truncated_file_is_refused_by_every_verb_that_opens_it()
    {
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(TinyModel.Folder)) File.Copy(file, folder.File(Path.GetFileName(file)));
        var bytes = File.ReadAllBytes(folder.File("model.safetensors"));
        File.WriteAllBytes(folder.File("model.safetensors"), bytes[..^100]);
        foreach (var args in new[] { new[] { "inspect", folder.Path }, ["plan", "--model", folder.Path], ["generate", "--model", folder.Path, "x"] })
        {
            var (code, _, error) = Tool.Run(args);
            Assert.Equal(ExitCode.Failed, code);
            Assert.Contains("model.safetensors", error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("{}", "has no model_type")]
    [InlineData("{\"model_type\": \"bloom\"}", "model_type \"bloom\" is not known")]
    [InlineData("{", "is not JSON")]
    public void A_config_that_describes_no_model_is_refused(string config, string message)
    {
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(TinyModel.Folder, "model.safetensors"), folder.File("model.safetensors"));
        File.WriteAllText(folder.File("config.json"), config);
        var (code, _, error) = Tool.Run("plan", "--model", folder.Path);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Methods_come_from_the_registry_with_their_formulas()
    {
        var list = Tool.Run("methods").Output;
        foreach (var name in Weft.Adapters.PeftMethods.All.Keys)
        {
            Assert.Contains(name.ToLowerInvariant(), list, StringComparison.Ordinal);
            var page = JsonNode.Parse(Tool.Run("methods", name.ToUpperInvariant(), "--json").Output)!;
            Assert.False(string.IsNullOrEmpty((string?)page["formula"]), $"{name} has no formula in its remarks.");
            Assert.All(page["options"]!.AsArray(), o => Assert.False(string.IsNullOrEmpty((string?)o!["summary"]), $"{name}: {o["key"]}"));
        }
        Assert.Contains("W′ = W (I + s Φ Ψ)", Tool.Run("methods", "wegeft").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Models_and_doctor_report_as_JSON_too()
    {
        Assert.Contains("llama", Tool.Run("models").Output, StringComparison.Ordinal);
        Assert.Contains(JsonNode.Parse(Tool.Run("models", "--json").Output)!["families"]!.AsArray(), f => (string?)f == "mistral");
        var (code, output, _) = Tool.Run("doctor", "--json");
        Assert.True(code == ExitCode.Done, output);
        Assert.True((bool)JsonNode.Parse(output)!["is_well"]!);
    }

    [Fact]
    public void A_person_talks_to_the_base_and_an_adapter_in_one_process()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(ExitCode.Done, Tool.Run([.. TinyModel.TrainLine(folder, "train.steps=20", "train.learning_rate=0.05", "evaluate.samples=0"), "--name", "run"]).Code);
        var run = folder.File("out", "run");
        string[] line = ["generate", "--model", TinyModel.Folder, "--adapter", run, "--no-adapter", "--max-new-tokens", "4"];
        var (code, output, error) = Tool.Typed(["number 7 is", "", "/adapters", "/new", "number 7 is", "/quit", "number 8 is"], line);
        Assert.True(code == ExitCode.Done, error);
        var answers = output.Split("> ")[1..];
        Assert.Equal(6, answers.Length); // one prompt sign for each line until /quit
        Assert.Contains($"base, {run}", answers[2], StringComparison.Ordinal);
        Assert.Equal(answers[0], answers[4]); // greedy, and a base without a chat template keeps no turns
        var voices = answers[0].Split("[base]", 2)[1].Split($"[{run}]");
        Assert.NotEqual(voices[0].Trim(), voices[1].Trim());
        Assert.Equal(ExitCode.Done, Tool.Typed([], line).Code); // the end of the input ends the conversation
    }

    [Fact]
    public void Generate_answers_prompts_the_same_way_each_time()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder.File("p.txt"), ["number 1", "number 2"]);
        var first = Tool.Run("generate", "--model", TinyModel.Folder, "--prompts", folder.File("p.txt"), "--max-new-tokens", "5", "--json");
        Assert.True(first.Code == ExitCode.Done, first.Error);
        Assert.Equal(2, JsonNode.Parse(first.Output)!.AsArray().Count);
        Assert.All(JsonNode.Parse(first.Output)!.AsArray(), a => Assert.InRange((int)a!["tokens"]!, 1, 5));
        var sampled = new[] { "generate", "--model", TinyModel.Folder, "number 1", "--max-new-tokens", "8", "--temperature", "1.5", "--seed", "4" };
        Assert.Equal(Tool.Run(sampled).Output, Tool.Run(sampled).Output);
        Assert.Equal(ExitCode.Usage, Tool.Run("generate", "--model", TinyModel.Folder).Code);
        File.WriteAllLines(folder.File("p.jsonl"), ["""{"prompt": "number 1"}""", """{"text": "number 2"}"""]);
        Assert.Equal(first.Output.Count(c => c == '{'), Tool.Run("generate", "--model", TinyModel.Folder, "--prompts", folder.File("p.jsonl"), "--max-new-tokens", "5", "--json").Output.Count(c => c == '{'));
        File.WriteAllLines(folder.File("q.jsonl"), ["""{"prompt": "number 1"}""", """{"question": "number 2"}"""]);
        Assert.Contains("q.jsonl, line 2: the row has neither prompt nor text. It has: question", Tool.Run("generate", "--model", TinyModel.Folder, "--prompts", folder.File("q.jsonl")).Error, StringComparison.Ordinal);
        Assert.Equal("length", (string?)JsonNode.Parse(Tool.Run("generate", "--model", TinyModel.Folder, "number 1", "--max-new-tokens", "1", "--json").Output)![0]!["finish"]);
    }

    [Fact]
    public void What_cannot_be_generated_is_wrong_use_and_listed_together()
    {
        var (code, _, error) = Tool.Run("generate", "--model", TinyModel.Folder, "x", "--temperature", "-1", "--top-p", "3", "--max-new-tokens", "-3");
        Assert.Equal(ExitCode.Usage, code);
        foreach (var part in new[] { "temperature is -1", "top_p is 3", "max_new_tokens is -3" }) Assert.Contains(part, error, StringComparison.Ordinal);
        (code, _, error) = Tool.Run("generate", "--model", TinyModel.Folder, "");
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("The prompt is empty", error, StringComparison.Ordinal);
        Assert.Contains("--raw", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_that_a_conversation_does_not_know_is_not_sent_to_the_model()
    {
        var (code, output, error) = Tool.Typed(["/nope", "/2 is", "/quit"], "generate", "--model", TinyModel.Folder, "--max-new-tokens", "2");
        Assert.True(code == ExitCode.Done, error);
        var answers = output.Split("> ")[1..];
        Assert.Equal("There is no command /nope. There are: /new, /adapters, /quit.", answers[0].Trim());
        Assert.DoesNotContain("no command", answers[1], StringComparison.Ordinal);
    }
}
