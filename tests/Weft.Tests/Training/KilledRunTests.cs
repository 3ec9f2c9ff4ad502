using System.Text.Json.Nodes;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Training;

public sealed class KilledRunTests
{
    private const int Kills = 5;

    [Fact]
    public void A_run_killed_at_random_times_and_resumed_has_the_bits_of_an_uninterrupted_one()
    {
        using var temporary = new TemporaryFolder();
        var seed = Environment.TickCount;
        var chance = new Random(seed);
        var killed = temporary.File("killed");
        var kills = 0;
        var savedAt = new List<string>();
        while (true)
        {
            var before = LogLength(killed);
            using var child = TrainingChild.Start(killed);
            // most kills fall after the process has come to a new step, however slow the machine is; some while it starts
            var early = chance.Next(4) == 0;
            while (kills < Kills && !early && !child.HasExited && LogLength(killed) <= before) Thread.Sleep(2);
            if (child.WaitForExit(kills < Kills ? chance.Next(0, 500) : 120_000))
            {
                Assert.True(child.ExitCode == 0, $"seed {seed}: {child.StandardError.ReadToEnd()}");
                break;
            }
            Assert.True(kills < Kills, "the run does not end");
            child.Kill(); // SIGKILL
            Assert.True(child.WaitForExit(10_000));
            kills++;
            savedAt.Add(File.Exists(Path.Combine(killed, "state", "latest")) ? File.ReadAllText(Path.Combine(killed, "state", "latest")).Trim() : "nothing");
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"killed {kills} times (seed {seed}), saved when killed: {string.Join(", ", savedAt)}");

        var whole = temporary.File("whole");
        TrainingChild.Train(whole, TimeSpan.Zero);
        foreach (var file in (string[])["final.safetensors", Path.Combine("best", "best.safetensors")])
            Assert.True(File.ReadAllBytes(Path.Combine(whole, file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(killed, file))), $"{file} differs, seed {seed}, kills {kills}");
        Assert.Equal(Losses(whole), Losses(killed));
        Assert.Equal(TrainingChild.Steps + TrainingChild.Steps / 20, Losses(killed).Count);
    }

    // cutting the log back on a resume makes it shorter first
    private static long LogLength(string folder) => new FileInfo(Path.Combine(folder, "metrics.jsonl")) is { Exists: true } log ? log.Length : 0;

    private static List<string> Losses(string folder) =>
        [.. from line in File.ReadLines(Path.Combine(folder, "metrics.jsonl"))
            let read = JsonNode.Parse(line)!
            select $"{read["step"]} {read["loss"]} {read["gradient_norm"]} {read["learning_rate"]} {read["evaluation_loss"]}"];
}
