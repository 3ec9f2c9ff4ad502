using System.Text.Json.Nodes;
using Weft.Cli;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>Going on with a run: what is refused, what is said, and that no record is doubled or lost.</summary>
public sealed class ResumeTests
{
    [Fact]
    public void Data_held_out_rows_tokenizer_and_base_that_have_changed_are_named_together()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("model"));
        foreach (var file in Directory.EnumerateFiles(TinyModel.Folder)) File.Copy(file, folder.File("model", Path.GetFileName(file)));
        var run = Train(folder, "train.steps=2", $"model={folder.File("model")}");
        Assert.Equal(ExitCode.Done, Resume(run).Code); // copied or touched is not changed
        File.WriteAllText(folder.File("rows.jsonl"), File.ReadAllText(folder.File("rows.jsonl")).Replace("number", "Number", StringComparison.Ordinal));
        File.AppendAllText(folder.File("held.jsonl"), "\n");
        File.WriteAllText(folder.File("model", "config.json"), File.ReadAllText(folder.File("model", "config.json")).Replace("64", "96", StringComparison.Ordinal));
        var (code, _, error) = Resume(run);
        Assert.Equal(ExitCode.Failed, code);
        foreach (var part in new[] { $"data.train ({folder.File("rows.jsonl")}) has the hash", $"data.heldout ({folder.File("held.jsonl")}) has the hash", $"the base ({folder.File("model")}) has the hash", "what the tokenizer makes of the rows has the hash", "start a new run" })
            Assert.Contains(part, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_finished_run_that_is_resumed_stays_as_it_is()
    {
        using var folder = new TemporaryFolder();
        var run = Train(folder, "train.steps=6", "train.save_every=3", "train.evaluate_every=2");
        var (states, records) = (States(run), Records(run));
        Assert.Equal(["step-000003", "step-000006"], states);
        Assert.Equal([0, 1, 2, 2, 3, 4, 4, 5, 6, 6], records.Select(r => (int)r["step"]!));
        for (var i = 0; i < 2; i++) Assert.Equal(ExitCode.Done, Resume(run).Code);
        Assert.Equal(states, States(run));
        Assert.Equal(records.Select(Comparable), Records(run).Select(Comparable));
    }

    [Fact]
    public void The_closing_evaluation_stands_at_the_step_whose_adapter_is_kept()
    {
        using var folder = new TemporaryFolder();
        var run = Train(folder, "train.steps=20", "train.evaluate_every=1", "train.patience=1", "train.learning_rate=0.05", "train.schedule=constant", "train.warmup_steps=0", "evaluate.exact_match=2", "evaluate.max_new_tokens=1");
        var evaluations = Records(run).Where(r => r["evaluation_loss"] is not null).ToList();
        var after = (double)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "results.json")))!["after"]!["scores"]!["loss"]!;
        Assert.Equal(evaluations.Select(e => (int)e["step"]!).Distinct(), evaluations.Select(e => (int)e["step"]!));
        var closing = evaluations.Skip(1).Single(e => e["evaluation_exact_match"] is not null);
        Assert.Equal(after, (double)closing["evaluation_loss"]!);
        Assert.Equal(evaluations.Skip(1).Min(e => (double)e["evaluation_loss"]!), after);
        Assert.True((int)closing["step"]! < (int)evaluations[^1]["step"]!);
    }

    [Fact]
    public void A_run_that_was_never_resumed_keeps_its_one_file_of_events_to_the_end()
    {
        using var folder = new TemporaryFolder();
        var run = Train(folder, "train.steps=3", "train.evaluate_every=1");
        Assert.DoesNotContain("resumed", Assert.Single(Directory.GetFiles(run, "events.out.tfevents.*")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_warm_up_that_lasts_as_long_as_the_passes_over_the_data_is_wrong_use()
    {
        using var folder = new TemporaryFolder();
        var (code, _, error) = Tool.Run(TinyModel.TrainLine(folder, "train.epochs=1", "train.warmup_steps=1000"));
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("warmup_steps is 1000 of 8 steps", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    [Fact]
    public void A_run_without_a_saved_state_starts_again_and_says_so_unless_it_is_finished()
    {
        using var folder = new TemporaryFolder();
        var run = Train(folder, "train.steps=2");
        Directory.Delete(Path.Combine(run, "state"), recursive: true);
        var (code, _, error) = Resume(run);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("no saved state, so there is nothing to go on from, and it is not overwritten", error, StringComparison.Ordinal);
        File.Delete(Path.Combine(run, "adapter_config.json")); // as a run that was killed before its first state
        var (again, output, _) = Resume(run);
        Assert.Equal(ExitCode.Done, again);
        Assert.Contains("has no saved state: the run starts again from its first step", output, StringComparison.Ordinal);
        Assert.Equal([0, 1, 2, 2], Records(run).Select(r => (int)r["step"]!)); // the base was judged once, and its record is kept
    }

    [Fact]
    public void A_run_whose_name_looks_like_a_setting_is_resumed()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(ExitCode.Done, Tool.Run([.. TinyModel.TrainLine(folder, "train.steps=1", "data.heldout=null"), "--name", "a=b"]).Code);
        Assert.Equal(ExitCode.Done, Resume(folder.File("out", "a=b")).Code);
    }

    private static string Train(TemporaryFolder folder, params string[] settings)
    {
        var (code, _, error) = Tool.Run([.. TinyModel.TrainLine(folder, ["evaluate.samples=0", .. settings]), "--name", "run"]);
        Assert.True(code == ExitCode.Done, error);
        return folder.File("out", "run");
    }

    private static (int Code, string Output, string Error) Resume(string run) => Tool.Run("train", "--resume", run);

    private static IEnumerable<string> States(string run) => [.. Directory.GetDirectories(Path.Combine(run, "state")).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)];

    private static List<JsonObject> Records(string run) => [.. File.ReadLines(Path.Combine(run, "metrics.jsonl")).Select(l => JsonNode.Parse(l)!.AsObject())];

    private static string Comparable(JsonObject record) => string.Join(" ", record.Where(m => m.Key != "time").Select(m => $"{m.Key}={m.Value}"));
}
