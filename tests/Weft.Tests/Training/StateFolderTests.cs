using Weft.Tests.Checkpoints;
using Weft.Training;

namespace Weft.Tests.Training;

public sealed class StateFolderTests : IDisposable
{
    private static readonly TrainOptions options = new() { Steps = 30, LearningRate = 0.02, Accumulation = 2, EvaluateEvery = 5, Patience = 4 };
    private readonly TemporaryFolder temporary = new();

    public void Dispose() => temporary.Dispose();

    [Fact]
    public void A_restored_run_goes_on_with_the_same_bits()
    {
        var (toy, again) = (new Toy(), new Toy());
        var watches = (First: new Watch(_ => { }, _ => { }), Second: new Watch(_ => { }, _ => { }));
        using var state = toy.NewState(options, 5, ("site", watches.First));
        var losses = new List<double>();
        foreach (var step in toy.Steps(state, 5))
        {
            losses.Add(step.Loss);
            if (step.Index % 5 == 0) state.Evaluations.Update(step.Index == 5 ? 1 : 2, step.Index);
            if (step.Index == 13) Folder.Save(state, "run");
        }

        using var resumed = again.NewState(options, 5, ("site", watches.Second));
        var restored = Folder.Restore(resumed, "run");
        Assert.Equal(13, restored!.Step);
        Assert.Empty(restored.Notes);
        Assert.Equal((13, 4, 2), (resumed.Step, resumed.Epoch, resumed.Batch)); // 5 batches, 3 steps a pass
        Assert.Equal((1, 5, 1), (resumed.Evaluations.BestLoss, resumed.Evaluations.BestStep, resumed.Evaluations.EvaluationsSinceBest));
        Assert.Equal(13, watches.Second.Count.item<long>());
        rand(17); // what is drawn between resuming and the first step does not count
        Assert.Equal(losses.Skip(13), again.Steps(resumed, 5).Select(s => s.Loss));
        foreach (var ((_, expected), (_, actual)) in toy.Parameters.Zip(again.Parameters)) Golden.SameBits(expected, actual);
        Assert.Equal(30, watches.Second.Count.item<long>());
    }

    [Fact]
    public void A_folder_without_states_restores_nothing()
    {
        using var state = new Toy().NewState(options, 5);
        Assert.Null(Folder.Restore(state, "run"));
        Assert.Equal(0, state.Step);
    }

    [Fact]
    public void The_last_two_states_are_kept_and_leftovers_of_a_killed_save_go()
    {
        Directory.CreateDirectory(Path.Combine(Folder.Path, ".0123.tmp"));
        Train(9, 3);
        Assert.Equal(["latest", "step-000006", "step-000009"], Names());
        Assert.Equal("step-000009\n", File.ReadAllText(Path.Combine(Folder.Path, "latest")));
        Assert.Equal(["manifest.json", "position.json", "state.safetensors"], Directory.GetFiles(Path.Combine(Folder.Path, "step-000009")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("state.safetensors", true, "state.safetensors has the SHA-256 ")]
    [InlineData("position.json", true, "position.json has the SHA-256 ")]
    [InlineData("manifest.json", true, "The input does not contain any JSON tokens")]
    [InlineData("manifest.json", false, "Could not find file ")]
    [InlineData("state.safetensors", false, "Could not find file ")]
    public void A_damaged_state_is_left_out_by_name_and_the_one_before_is_used(string file, bool cut, string reason)
    {
        Train(9, 3);
        var path = Path.Combine(Folder.Path, "step-000009", file);
        if (!cut) File.Delete(path);
        else using (var stream = new FileStream(path, FileMode.Open)) stream.SetLength(stream.Length / 2 * (file == "manifest.json" ? 0 : 1));
        using var state = new Toy().NewState(options, 5);
        var restored = Folder.Restore(state, "run")!;
        Assert.Equal(6, restored.Step);
        Assert.StartsWith($"{Path.Combine(Folder.Path, "step-000009")} is damaged and left out: {reason}", Assert.Single(restored.Notes));
        // going on from there, the damaged one goes
        foreach (var step in new Toy().Steps(state, 5))
            if (step.Index == 7)
            {
                Folder.Save(state, "run");
                break;
            }
        Assert.Equal(["latest", "step-000006", "step-000007"], Names());
    }

    [Fact]
    public void Nothing_but_damaged_states_is_refused()
    {
        Train(3, 3);
        File.Delete(Path.Combine(Folder.Path, "step-000003", "manifest.json"));
        using var state = new Toy().NewState(options, 5);
        var error = Assert.Throws<InvalidDataException>(() => Folder.Restore(state, "run"));
        Assert.StartsWith($"{Folder.Path} has no whole state to resume from:\n  {Path.Combine(Folder.Path, "step-000003")} is damaged and left out: ", error.Message);
        Assert.EndsWith("\nStart the run again under another name.", error.Message);
    }

    [Fact]
    public void A_step_saved_again_after_a_resume_replaces_the_state_only_when_it_is_whole()
    {
        Train(3, 3);
        using var state = new Toy().NewState(options, 5);
        Folder.Restore(state, "run");
        state.Evaluations.Update(0.5, 3);
        Folder.Save(state, "run");
        Assert.Equal(["latest", "step-000003.1"], Names());
        using var again = new Toy().NewState(options, 5);
        Assert.EndsWith("step-000003.1", Folder.Restore(again, "run")!.Folder);
        Assert.Equal(0.5, again.Evaluations.BestLoss);
        Folder.Save(again, "run");
        Assert.Equal(["latest", "step-000003.2"], Names());
    }

    [Fact]
    public void A_step_saved_twice_does_not_cost_the_step_before_it()
    {
        Train(9, 3);
        using var state = new Toy().NewState(options, 5);
        Folder.Restore(state, "run");
        Folder.Save(state, "run");
        Assert.Equal(["latest", "step-000006", "step-000009.1"], Names());
    }

    [Fact]
    public void What_went_in_and_has_changed_is_named_and_a_state_without_hashes_still_restores()
    {
        using var saved = new Toy().NewState(options, 5);
        Folder.Save(saved, "run", new Dictionary<string, string> { ["data.train (rows.jsonl)"] = "0123456789abcdef", ["the base (m)"] = "same", ["gone"] = "x" });
        using var state = new Toy().NewState(options, 5);
        var error = Assert.Throws<InvalidDataException>(() => Folder.Restore(state, "run", new Dictionary<string, string> { ["data.train (rows.jsonl)"] = "fedcba9876543210", ["the base (m)"] = "same", ["new"] = "y" }));
        Assert.EndsWith("step-000000 is of another run:\n  data.train (rows.jsonl) has the hash 0123456789ab there and fedcba987654 here\n"
            + "Resume with the run file, data and base the run was started with, or start a new run under another name.", error.Message);
        Folder.Save(saved, "run");
        Assert.NotNull(Folder.Restore(state, "run", new Dictionary<string, string> { ["data.train (rows.jsonl)"] = "fedcba9876543210" }));
    }

    [Fact]
    public void A_state_that_has_diverged_is_not_saved_and_the_ones_before_stay()
    {
        Train(6, 3);
        var toy = new Toy();
        using var state = toy.NewState(options, 5);
        Folder.Restore(state, "run");
        using (no_grad()) toy.Bias[1] = float.PositiveInfinity;
        Assert.Equal("The run has diverged: after step 6 bias is not finite. It is not saved, and what was saved before is intact. Lower the learning rate (it is 0.02).",
            Assert.Throws<InvalidOperationException>(() => Folder.Save(state, "run")).Message);
        Assert.Equal(["latest", "step-000003", "step-000006"], Names());
    }

    [Fact]
    public void The_state_of_another_run_is_refused_with_both_sides()
    {
        Train(3, 3);
        var toy = new Toy();
        using var other = new TrainingState(toy.Groups, options, 8);
        var error = Assert.Throws<InvalidDataException>(() => Folder.Restore(other, "another run"));
        Assert.Matches(
            @"step-000003 is of another run:\n  the configuration has the hash [0-9a-f]{12} there and [0-9a-f]{12} here\n  a pass over the data has 5 batches there and 8 here\nResume with the run file, data and base",
            error.Message);
        using var fewer = new TrainingState([toy.Groups[0]], options, 5);
        Assert.Contains("trained.w2: unexpected", Assert.Throws<InvalidDataException>(() => Folder.Restore(fewer, "run")).Message);
    }

    [Fact]
    public void A_changed_number_of_threads_is_told()
    {
        Train(3, 3);
        var threads = get_num_threads();
        set_num_threads(threads + 1);
        try
        {
            using var state = new Toy().NewState(options, 5);
            Assert.Equal(
                $"The run used {threads} threads, this process uses {threads + 1}: the numbers will differ in their last bits. Give --threads {threads} for the same bits.",
                Assert.Single(Folder.Restore(state, "run")!.Notes));
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_told_and_no_tensor_is_left_behind()
    {
        using var state = new Toy().NewState(options, 5);
        File.WriteAllText(temporary.File("file"), "");
        var before = LiveTensors.Settled();
        Assert.Contains("file", Assert.ThrowsAny<IOException>(() => new StateFolder(temporary.File("file")).Save(state, "run")).Message);
        Folder.Save(state, "run");
        Assert.Equal(before, Tensor.TotalCount);
    }

    private StateFolder Folder => new(temporary.File("state"));

    private void Train(int steps, int every)
    {
        var toy = new Toy();
        using var state = toy.NewState(options, 5);
        foreach (var step in toy.Steps(state, 5))
        {
            if (step.Index % every == 0) Folder.Save(state, "run");
            if (step.Index == steps) break;
        }
    }

    private IEnumerable<string?> Names() => Directory.GetFileSystemEntries(Folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
