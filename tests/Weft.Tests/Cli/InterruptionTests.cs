using System.Diagnostics;
using System.Text.Json.Nodes;
using Weft.Cli;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>Ctrl-C at any moment: exit code 130, nothing half written, nothing lost that was saved.</summary>
public sealed class InterruptionTests
{
    private static readonly string[] settings = ["train.threads=1", "evaluate.samples=0", "wegeft.wegeft_dropout=0.1"];

    [Fact]
    public void Ctrl_C_saves_and_the_resumed_run_ends_with_the_bits_of_an_uninterrupted_one()
    {
        using var folder = new TemporaryFolder();
        using (var process = Tool.Start(new Dictionary<string, string>(), [.. TinyModel.TrainLine(folder, [.. settings, "train.steps=600"]), "--name", "stopped"]))
        {
            WaitForLine(process, "step ");
            Tool.Interrupt(process);
            var rest = process.StandardOutput.ReadToEnd();
            Assert.True(process.WaitForExit(60_000));
            if (process.ExitCode == ExitCode.Done) Assert.Skip("The run was over before the signal came.");
            Assert.Equal(ExitCode.Interrupted, process.ExitCode);
            Assert.Contains($"weft train --resume {folder.File("out", "stopped")}", rest, StringComparison.Ordinal);
        }
        Assert.Contains("Goes on after step", Whole("train", "--resume", folder.File("out", "stopped")), StringComparison.Ordinal);
        CheckEqualsAnUninterruptedRun(folder, "train.steps=600");
    }

    [Fact]
    public async Task Ctrl_C_under_JSON_is_said_in_JSON()
    {
        using var folder = new TemporaryFolder();
        using var process = Tool.Start(new Dictionary<string, string>(), [.. TinyModel.TrainLine(folder, [.. settings, "train.steps=600"]), "--name", "stopped", "--json"]);
        while (await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken) is { } line && !line.StartsWith("step ", StringComparison.Ordinal)) { }
        Tool.Interrupt(process);
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.True(process.WaitForExit(60_000));
        if (process.ExitCode == ExitCode.Done) Assert.Skip("The run was over before the signal came.");
        Assert.Equal(ExitCode.Interrupted, process.ExitCode);
        var node = JsonNode.Parse(await output)!;
        Assert.Equal((folder.File("out", "stopped"), true), ((string?)node["folder"], (bool)node["interrupted"]!));
    }

    [Fact]
    public void Ctrl_C_while_the_data_are_read_leaves_no_run_folder()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("There is no file here that can be waited for.");
        using var folder = new TemporaryFolder();
        var line = TinyModel.TrainLine(folder);
        File.Delete(folder.File("rows.jsonl"));
        using (var pipe = Process.Start("mkfifo", [folder.File("rows.jsonl")])) pipe.WaitForExit(); // nobody writes into it, so that reading does not end
        using var process = Tool.Start(new Dictionary<string, string>(), line);
        WaitForLine(process, "numbers, matrices in");
        Tool.Interrupt(process);
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(ExitCode.Interrupted, process.ExitCode);
        Assert.Contains("Interrupted.", process.StandardError.ReadToEnd(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    [Fact]
    public async Task Ctrl_C_twice_at_any_moment_of_a_run_that_keeps_saving_loses_nothing_that_was_saved()
    {
        using var folder = new TemporaryFolder();
        var (seed, interrupted) = (Environment.TickCount, 0);
        var chance = new Random(seed);
        string[] line = [.. TinyModel.TrainLine(folder, [.. settings, "train.steps=60", "train.save_every=1", "train.evaluate_every=5"]), "--name", "stopped"];
        for (var round = 0; ; round++)
        {
            using var process = Tool.Start(new Dictionary<string, string>(), line);
            if (round < 4)
            {
                WaitForLine(process, "Training: ");
                Thread.Sleep(chance.Next(0, 150));
                Tool.Interrupt(process);
                if (round % 2 == 1) Tool.Interrupt(process); // ends at once, in the middle of a save too
            }
            var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.True(process.WaitForExit(60_000), $"seed {seed}: the run does not end");
            await output;
            if (process.ExitCode == ExitCode.Done) break;
            Assert.True(process.ExitCode == ExitCode.Interrupted, $"seed {seed}, round {round}: exit code {process.ExitCode}, {error}");
            interrupted++;
            line = ["train", "--resume", folder.File("out", "stopped")];
        }
        if (interrupted == 0) Assert.Skip("The run was over before a signal came.");
        CheckEqualsAnUninterruptedRun(folder, "train.steps=60", "train.save_every=1", "train.evaluate_every=5");
    }

    private static void CheckEqualsAnUninterruptedRun(TemporaryFolder folder, params string[] more)
    {
        Whole([.. TinyModel.TrainLine(folder, [.. settings, .. more]), "--name", "whole"]);
        Assert.Equal(File.ReadAllBytes(folder.File("out", "whole", "adapter_model.safetensors")), File.ReadAllBytes(folder.File("out", "stopped", "adapter_model.safetensors")));
    }

    private static string Whole(params string[] line)
    {
        using var process = Tool.Start(new Dictionary<string, string>(), line);
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(ExitCode.Done, process.ExitCode);
        return output;
    }

    private static void WaitForLine(Process process, string part)
    {
        while (process.StandardOutput.ReadLine() is { } line)
            if (line.Contains(part, StringComparison.Ordinal)) return;
        Assert.Fail($"The process ended before it said \"{part}\": {process.StandardError.ReadToEnd()}");
    }
}
