using System.Text.Json.Nodes;
using Weft.Tests.Checkpoints;
using Weft.Training;

namespace Weft.Tests.Training;

public sealed class RunFolderTests : IDisposable
{
    private readonly TemporaryFolder temporary = new();

    private string Out => temporary.File("out");

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void A_run_takes_the_next_number_and_never_a_folder_that_is_there()
    {
        Directory.CreateDirectory(Path.Combine(Out, "sst2-7"));
        Directory.CreateDirectory(Path.Combine(Out, "sst2-old"));
        using var eighth = RunFolder.Create(Out, "sst2");
        using var ninth = RunFolder.Create(Out, "sst2");
        using var first = RunFolder.Create(Out, "other");
        using var named = RunFolder.Create(Out, "sst2", "mine");
        Assert.Equal(["sst2-8", "sst2-9", "other-1", "mine"], new[] { eighth, ninth, first, named }.Select(r => Path.GetFileName(r.Path)));
        Assert.Equal($"{Path.Combine(Out, "mine")} exists and is not overwritten. Resume that run with --resume, or give this one another name.",
            Assert.Throws<IOException>(() => RunFolder.Create(Out, "sst2", "mine")).Message);
    }

    [Fact]
    public void Runs_that_start_at_once_get_folders_of_their_own()
    {
        var runs = new RunFolder[16];
        Parallel.For(0, runs.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i => runs[i] = RunFolder.Create(Out, "r"));
        Assert.Equal(16, runs.Select(r => r.Path).Distinct().Count());
        foreach (var run in runs) run.Dispose();
    }

    [Fact]
    public void Only_one_process_writes_a_run()
    {
        var run = RunFolder.Create(Out, "r");
        Assert.Equal($"{run.Path} is being written by process {Environment.ProcessId}. Wait until it ends, or start a new run under another name.",
            Assert.Throws<IOException>(() => RunFolder.Resume(run.Path)).Message);
        run.Dispose();
        using var again = RunFolder.Resume(run.Path);
        Assert.Equal($"There is no run {Out}/none to resume. Name a folder that an earlier run has made.", Assert.Throws<DirectoryNotFoundException>(() => RunFolder.Resume($"{Out}/none")).Message);
    }

    [Fact]
    public void A_resumed_log_has_every_step_once_and_no_torn_line()
    {
        string path;
        using (var run = RunFolder.Create(Out, "r"))
        {
            path = run.Path;
            for (var i = 1; i <= 6; i++) run.Metrics.Append(StepOf(i));
            run.Metrics.AppendEvaluation(4, new Dictionary<string, double> { ["loss"] = 1.5, ["exact_match"] = double.NaN });
            run.Metrics.AppendEvaluation(6, new Dictionary<string, double> { ["loss"] = 1.25 });
        }
        File.AppendAllText(Path.Combine(path, "metrics.jsonl"), "{\"step\":7,\"lo");
        using (var run = RunFolder.Resume(path))
        {
            run.Metrics.CutBackTo(4);
            run.Metrics.Append(StepOf(5));
        }
        var lines = File.ReadAllLines(Path.Combine(path, "metrics.jsonl")).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Equal([1, 2, 3, 4, 4, 5], lines.Select(l => (int)l["step"]!));
        Assert.Equal("NaN", (string?)lines[4]["evaluation_exact_match"]);
        Assert.Equal(1.5, (double)lines[4]["evaluation_loss"]!);
        Assert.Equal(2 + 1 / 3.0, (double)lines[2]["loss"]!); // every digit that is needed to read the same number back
        Assert.Equal(
            ["step", "epoch", "loss", "gradient_norm", "learning_rate", "tokens", "supervised_tokens", "supervised_share", "tokens_per_second", "seconds", "elapsed_seconds", "time"],
            lines[0].AsObject().Select(p => p.Key));
    }

    [Fact]
    public void TensorBoard_events_stand_beside_the_log_and_are_made_anew_on_a_resume()
    {
        string path;
        using (var run = RunFolder.Create(Out, "r"))
        {
            path = run.Path;
            for (var i = 1; i <= 3; i++) run.Metrics.Append(StepOf(i));
        }
        var first = File.ReadAllBytes(Assert.Single(Directory.GetFiles(path, "events.out.tfevents.*")));
        Assert.Equal(3, Count(first, "training/loss"));
        using (var run = RunFolder.Resume(path))
        {
            run.Metrics.CutBackTo(2);
            run.Metrics.AppendEvaluation(2, new Dictionary<string, double> { ["loss"] = 1 });
        }
        var second = Directory.GetFiles(path, "events.out.tfevents.*").Select(File.ReadAllBytes).ToList();
        Assert.Equal(2, second.Sum(b => Count(b, "training/loss")));
        Assert.Equal(1, second.Sum(b => Count(b, "evaluation/loss")));
    }

    [Fact]
    public void A_step_has_one_evaluation_the_last_one_in_the_place_of_the_first()
    {
        using var run = RunFolder.Create(Out, "r");
        var culture = System.Globalization.CultureInfo.CurrentCulture;
        System.Globalization.CultureInfo.CurrentCulture = new("") { NumberFormat = new() { NaNSymbol = "keine Zahl" } };
        try
        {
            run.Metrics.AppendEvaluation(0, new Dictionary<string, double> { ["loss"] = 3 });
            for (var i = 1; i <= 3; i++)
            {
                run.Metrics.Append(StepOf(i));
                run.Metrics.AppendEvaluation(i, new Dictionary<string, double> { ["loss"] = i });
            }
            run.Metrics.AppendEvaluation(2, new Dictionary<string, double> { ["loss"] = 2, ["exact_match"] = double.NaN });
        }
        finally
        {
            System.Globalization.CultureInfo.CurrentCulture = culture;
        }
        run.Metrics.Append(StepOf(4));
        var lines = Lines(run.Path);
        Assert.Equal([0, 1, 1, 2, 2, 3, 3, 4], lines.Select(l => (int)l["step"]!));
        Assert.Equal([3, 1, 2, 3], lines.Where(l => l["evaluation_loss"] is not null).Select(l => (int)l["evaluation_loss"]!));
        Assert.Equal("NaN", (string?)lines[4]["evaluation_exact_match"]);
        Assert.Equal(4, Directory.GetFiles(run.Path, "events.out.tfevents.*").Sum(f => Count(File.ReadAllBytes(f), "evaluation/loss")));
    }

    [Fact]
    public void The_best_adapter_is_replaced_whole_or_not_at_all()
    {
        string path;
        using (var run = RunFolder.Create(Out, "r"))
        {
            path = run.Path;
            run.KeepBest(f => File.WriteAllText(Path.Combine(f, "a"), "1"));
            run.KeepBest(f => File.WriteAllText(Path.Combine(f, "a"), "2"));
            Assert.Throws<InvalidOperationException>(() => run.KeepBest(_ => throw new InvalidOperationException("no")));
            Assert.Equal("2", File.ReadAllText(Path.Combine(run.BestPath, "a")));
        }
        // killed between the two renames: the new one is whole
        Directory.Move(Path.Combine(path, "best"), Path.Combine(path, "best.old"));
        Directory.CreateDirectory(Path.Combine(path, "best.new"));
        File.WriteAllText(Path.Combine(path, "best.new", "a"), "3");
        using (var run = RunFolder.Resume(path)) Assert.Equal("3", File.ReadAllText(Path.Combine(run.BestPath, "a")));
        // killed while the new one was written: the old one counts
        Directory.CreateDirectory(Path.Combine(path, "best.new"));
        using (var run = RunFolder.Resume(path)) Assert.Equal("3", File.ReadAllText(Path.Combine(run.BestPath, "a")));
        Assert.Equal(["best"], Directory.GetDirectories(path).Select(Path.GetFileName));
    }

    [Fact]
    public void The_manifest_names_what_went_in_and_what_came_out()
    {
        var data = temporary.File("rows.jsonl");
        File.WriteAllText(data, "abc");
        using var run = RunFolder.Create(Out, "r");
        run.WriteText("run.yaml", "model: x\n");
        run.KeepBest(f => File.WriteAllText(Path.Combine(f, "a"), "1"));
        Directory.CreateDirectory(run.State.Path);
        File.WriteAllText(Path.Combine(run.State.Path, "latest"), "");
        var (kept, changed) = (temporary.File("kept.gguf"), temporary.File("changed.gguf"));
        foreach (var file in new[] { kept, changed }) File.WriteAllText(file, "abc");
        var inputs = new Dictionary<string, IReadOnlyList<InputFile>> { ["data"] = [InputFile.Hashed(data)], ["base"] = [InputFile.HashedLater(kept), InputFile.HashedLater(changed)] };
        File.Delete(data); // what happens to it while the run goes on does not matter
        File.AppendAllText(changed, "d");
        run.WriteManifest(inputs);
        run.WriteManifest(inputs);
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(run.Path, "manifest.json")))!;
        Assert.StartsWith("0.", (string?)manifest["weft"]);
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", (string?)manifest["inputs"]!["data"]![0]!["sha256"]);
        Assert.Equal(["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", null], manifest["inputs"]!["base"]!.AsArray().Select(f => (string?)f!["sha256"]));
        var outputs = manifest["outputs"]!.AsArray().Select(o => (string)o!["file"]!).ToList();
        Assert.Equal(["best/a", "metrics.jsonl", "run.yaml"], outputs.Where(o => !o.StartsWith("events", StringComparison.Ordinal)));
        Assert.Equal(9, (int)manifest["outputs"]!.AsArray().Last()!["bytes"]!);
    }

    private static List<JsonNode> Lines(string folder)
    {
        using var reader = new StreamReader(new FileStream(Path.Combine(folder, "metrics.jsonl"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return [.. reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!)];
    }

    private static int Count(byte[] bytes, string text) => System.Text.Encoding.Latin1.GetString(bytes).Split(text).Length - 1;

    private static Step StepOf(int index) => new()
    {
        Index = index,
        Epoch = 1,
        Loss = index - 1 + 1 / 3.0,
        GradientNorm = 1,
        LearningRate = 1e-3,
        Tokens = 8,
        SupervisedTokens = 2,
        Seconds = 0.5,
        ElapsedSeconds = 0.5 * index,
    };
}
