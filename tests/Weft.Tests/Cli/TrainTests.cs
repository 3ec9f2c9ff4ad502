using System.Text.Json.Nodes;
using Weft.Cli;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>Whole runs on a tiny random model: train, judge, resume, merge, export.</summary>
public sealed class TrainTests
{
    [Fact]
    public void A_run_leaves_behind_what_it_says_and_its_adapter_merges_and_exports()
    {
        using var folder = new TemporaryFolder();
        var line = TinyModel.TrainLine(folder, "train.steps=6", "train.evaluate_every=2", "evaluate.exact_match=4", "evaluate.max_new_tokens=4");
        var (code, output, error) = Tool.Run(line);
        Assert.True(code == ExitCode.Done, error);
        foreach (var part in new[] { "Plan: WeGeFT", "« even", "step 6 of 6: loss", "held out after step 2", "exact match", "wanted", "before", "after", "Try next", "weft merge" })
            Assert.Contains(part, output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output);
        var run = folder.File("out", "run-1");
        foreach (var file in new[] { "run.yaml", "adapter_config.json", "adapter_model.safetensors", "weft.json", "metrics.jsonl", "loss.png", "results.json", "manifest.json", "best/adapter_model.safetensors" })
            Assert.True(File.Exists(Path.Combine(run, file)), file);
        Assert.Contains("loss.png, best/, results.json", output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(run, ".process"))); // no process writes it any more

        Assert.Contains("wegeft", Tool.Run("inspect", run).Output, StringComparison.Ordinal);
        Assert.Equal(6, (int)JsonNode.Parse(Tool.Run("inspect", run, "--json").Output)!["steps"]!);
        Assert.Equal(ExitCode.Done, Tool.Run("merge", "--model", TinyModel.Folder, "--adapter", run, "--out", folder.File("merged")).Code);
        Assert.Equal(ExitCode.Done, Tool.Run("export", "--to", "lora", "--model", TinyModel.Folder, "--adapter", run, "--out", folder.File("lora")).Code);
        Assert.Contains("is not overwritten", Tool.Run("merge", "--model", TinyModel.Folder, "--adapter", run, "--out", folder.File("merged")).Error, StringComparison.Ordinal);

        // One function in three forms: WeGeFT beside the base, LoRA beside it, and weights that hold it.
        var scores = JsonNode.Parse(Tool.Run("eval", "--model", TinyModel.Folder, "--data", folder.File("held.jsonl"), "evaluate.samples=0", "--adapter", run, "--adapter", folder.File("lora"), "--json").Output)!;
        var merged = JsonNode.Parse(Tool.Run("eval", "--model", folder.File("merged"), "--data", folder.File("held.jsonl"), "--json").Output)!;
        var loss = (double)scores[run]!["loss"]!;
        Assert.NotEqual((double)scores["base"]!["loss"]!, loss);
        Assert.Equal(loss, (double)scores[folder.File("lora")]!["loss"]!, 1e-4); // fp32 sums in another order
        Assert.Equal(loss, (double)merged["base"]!["loss"]!, 1e-4);

        // The resolved run file runs again as it is, and no folder is written twice.
        var (again, _, problem) = Tool.Run("train", Path.Combine(run, "run.yaml"), "--name", "again");
        Assert.True(again == ExitCode.Done, problem);
        Assert.Equal(File.ReadAllBytes(Path.Combine(run, "adapter_model.safetensors")), File.ReadAllBytes(folder.File("out", "again", "adapter_model.safetensors")));
        Assert.Contains("exists and is not overwritten", Tool.Run("train", Path.Combine(run, "run.yaml"), "--name", "again").Error, StringComparison.Ordinal);
        Assert.Contains("was trained on another base", Tool.Run("eval", "--model", folder.File("merged"), "--data", folder.File("held.jsonl"), "--adapter", run).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Full_fine_tuning_leaves_a_model_and_json_is_all_there_is_on_the_output()
    {
        using var folder = new TemporaryFolder();
        var (code, output, error) = Tool.Run([.. TinyModel.TrainLine(folder, "method=full", "adapter=null", "train.steps=3", "train.learning_rate=1e-4", "evaluate.samples=0"), "--json"]);
        Assert.True(code == ExitCode.Done, error);
        var node = JsonNode.Parse(output)!;
        Assert.Equal((long)node["base"]!, (long)node["trainable"]!);
        Assert.Equal(ExitCode.Done, Tool.Run("plan", "--model", Path.Combine((string)node["folder"]!, "model")).Code);
    }

    [Fact]
    public void A_new_model_is_made_from_a_description_and_the_text()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder.File("text.jsonl"), Enumerable.Range(0, 40).Select(i => $$"""{"text": "number {{i}} follows number {{i - 1}}"}"""));
        File.WriteAllText(folder.File("new.yaml"), """
            model:
              config: { model_type: llama, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32, tie_word_embeddings: true }
              tokenizer: { vocabulary_size: 280, individual_digits: true }
            method: full
            data: { train: text.jsonl, heldout: 0.1, pack_length: 32 }
            train: { steps: 2, batch_size: 4 }
            evaluate: { samples: 0 }
            output: out
            """);
        var (code, _, error) = Tool.Run("train", folder.File("new.yaml"));
        Assert.True(code == ExitCode.Done, error);
        Assert.Equal(ExitCode.Done, Tool.Run("generate", "--model", folder.File("out", "new-1", "model"), "number", "--max-new-tokens", "3").Code);
    }

    [Theory]
    [InlineData("", "holds no rows")]
    [InlineData("{\"prompt\": \"a\"}", "completion")]
    [InlineData("{\"prompt\": \"a\", \"completion\": \" b\"}\n{oops", "line 2")]
    public void Data_that_cannot_be_learned_from_is_refused_with_its_place(string rows, string message)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("rows.jsonl"), rows);
        var (code, _, error) = Tool.Run("train", "--model", TinyModel.Folder, "--data", folder.File("rows.jsonl"), $"output={folder.File("out")}");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out"))); // a run that cannot begin leaves nothing behind
    }

    [Theory]
    [InlineData("data.max_tokens=3", "longer than 3 tokens")]
    [InlineData("train.learning_rate=-1", "learning_rate is -1")]
    [InlineData("train.learning_rate=1e30", "at step")]
    [InlineData("adapter.target_modules=[nothing]", "matches no module")]
    [InlineData("evaluate.choices=[\" even\", \" even or odd\"]", "a choice is one")]
    [InlineData("model=nowhere", "There is no model nowhere")]
    [InlineData("train.warmup_steps=8", "warmup_steps is 8 of 8 steps")]
    [InlineData("train.epochs=2000000000", "which is 16000000000 steps")]
    public void What_cannot_work_is_refused_with_the_reason(string setting, string message)
    {
        using var folder = new TemporaryFolder();
        var (code, output, error) = Tool.Run(TinyModel.TrainLine(folder, "evaluate.samples=0", "train.clip_norm=null", setting));
        Assert.NotEqual(ExitCode.Done, code);
        Assert.Contains(message, output + error, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_that_nothing_can_be_done_with_are_refused_together_before_anything_is_made()
    {
        using var folder = new TemporaryFolder();
        var (code, _, error) = Tool.Run(TinyModel.TrainLine(folder, "data.heldout=1.5", "data.pack_length=1", "train.batch_size=0", "train.learning_rate=-1", "train.epochs=0", "train.beta1=2", "train.threads=0", "train.checkpoint_above_mb=-1", "evaluate.batch_size=0", "evaluate.exact_match=-1", "evaluate.max_new_tokens=0"));
        Assert.Equal(ExitCode.Usage, code);
        foreach (var part in new[] { "data.heldout is 1.5", "pack_length is 1", "batch_size is 0", "train.learning_rate is -1", "train.epochs is 0", "train.beta1 is 2", "threads is 0", "checkpoint_above_mb is -1", "evaluate.batch_size is 0", "exact_match is -1", "max_new_tokens is 0" })
            Assert.Contains(part, error, StringComparison.Ordinal);
        (code, _, error) = Tool.Run("plan", "--model", TinyModel.Folder, "train.learning_rate=-1", "train.batch_size=0");
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("train.learning_rate is -1", error, StringComparison.Ordinal);
        Assert.Contains("train.batch_size is 0", error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Usage, Tool.Run([.. TinyModel.TrainLine(folder), "--name", "../elsewhere"]).Code);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    [Fact]
    public void What_would_be_judged_without_held_out_rows_is_refused_together_and_defaults_are_not()
    {
        using var folder = new TemporaryFolder();
        var line = TinyModel.TrainLine(folder, "train.steps=1", "data.heldout=null", "data.skip=-1", "data.limit=-3");
        var (code, _, error) = Tool.Run([.. line, "train.evaluate_every=1", "train.patience=2", "evaluate.exact_match=true", "evaluate.choices=[a, b]", "data.heldout_limit=3"]);
        Assert.Equal(ExitCode.Usage, code);
        foreach (var part in new[] { "train.evaluate_every, train.patience, data.heldout_limit, evaluate.exact_match, evaluate.choices are set, and there are no held-out rows", "data.skip is -1", "data.limit is -3" })
            Assert.Contains(part, error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Done, Tool.Run(TinyModel.TrainLine(folder, "train.steps=1", "data.heldout=null", "train.evaluate_every=null", "evaluate.exact_match=false", "evaluate.choices=null")).Code);
    }

    [Fact]
    public void Answers_to_rows_without_prompts_are_refused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("text.jsonl"), "{\"text\": \"number 3 is odd\"}\n");
        var (code, _, error) = Tool.Run("eval", "--model", TinyModel.Folder, "--data", folder.File("text.jsonl"), "evaluate.exact_match=true");
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("none of the 1 rows has a prompt", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data.heldout=null")]
    [InlineData("train.evaluate_every=1")]
    public void A_last_update_that_diverges_is_a_failure_and_nothing_of_it_is_saved(string setting)
    {
        using var folder = new TemporaryFolder();
        var (code, output, error) = Tool.Run([.. TinyModel.TrainLine(folder, "train.steps=1", "train.warmup_steps=0", "train.learning_rate=1e39", "evaluate.samples=0", setting), "--name", "run"]);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("The run has diverged: after step 1 ", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Saved", output, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.File("out", "run", "adapter_config.json")));
        Assert.False(Directory.Exists(folder.File("out", "run", "best")));
    }

    [Fact]
    public void One_step_learns()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(ExitCode.Done, Tool.Run([.. TinyModel.TrainLine(folder, "train.steps=1", "evaluate.samples=0"), "--name", "run"]).Code);
        Assert.Equal(1e-3, (double)JsonNode.Parse(File.ReadLines(folder.File("out", "run", "metrics.jsonl")).ElementAt(1))!["learning_rate"]!);
    }

    [Fact]
    public void The_manifest_has_the_hashes_of_data_and_base()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(ExitCode.Done, Tool.Run([.. TinyModel.TrainLine(folder, "train.steps=1", "evaluate.samples=0"), "--name", "run"]).Code);
        var manifest = JsonNode.Parse(File.ReadAllText(folder.File("out", "run", "manifest.json")))!["inputs"]!;
        Assert.All(manifest["data"]!.AsArray().Concat(manifest["base"]!.AsArray()), f => Assert.Equal(64, ((string)f!["sha256"]!).Length));
        Assert.Equal(2, manifest["data"]!.AsArray().Count);
    }

    [Fact]
    public void A_folder_that_is_being_written_is_not_written_by_another_run()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(ExitCode.Done, Tool.Run([.. TinyModel.TrainLine(folder, "train.steps=1", "evaluate.samples=0"), "--name", "held"]).Code);
        using var held = Weft.Training.RunFolder.Resume(folder.File("out", "held"));
        var (code, _, error) = Tool.Run("train", "--resume", folder.File("out", "held"));
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains($"is being written by process {Environment.ProcessId}", error, StringComparison.Ordinal);
    }

    [Theory, InlineData("file"), InlineData("file/out"), InlineData("/proc/out")]
    public void An_unwritable_place_is_said_before_anything_is_loaded(string place)
    {
        if (place[0] == '/' && !OperatingSystem.IsLinux()) Assert.Skip("There is no such folder here.");
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("file"), "");
        var output = Path.Combine(folder.Path, place);
        var (code, said, error) = Tool.Run(TinyModel.TrainLine(folder, "train.steps=1", "evaluate.samples=0", $"output={output}"));
        Assert.Equal(ExitCode.Failed, code);
        Assert.Equal("", said);
        Assert.StartsWith($"No run folder can be made in {output}: {(place[0] == '/' ? "/proc cannot be written to" : $"{folder.File("file")} is a file")}.", error, StringComparison.Ordinal);
        Assert.Contains("output=DIR", error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_is_said_and_the_folder_stays_whole()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("Files have no size limit here.");
        using var folder = new TemporaryFolder();
        // 16 KiB a file: the metrics fit, the saved state and the adapter do not. The runtime's own doubly mapped memory is a file too, so it is switched off.
        var environment = new Dictionary<string, string> { ["DOTNET_EnableWriteXorExecute"] = "0" };
        using var process = Tool.StartUnder("ulimit -f 16", environment, [.. TinyModel.TrainLine(folder, "train.steps=3", "evaluate.samples=0", "adapter.rank=16"), "--name", "full"]);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await output;
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(ExitCode.Failed, process.ExitCode);
        Assert.Contains("The disk or a limit on it is full; what was saved before is intact.", error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.File("out", "full", "adapter_model.safetensors")));
    }
}
