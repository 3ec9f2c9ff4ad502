using System.Text;
using Weft.Checkpoints;
using Weft.Cli;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>What people hand in by mistake, as they meet it at the shell: a message that says what and where, exit code 1, and nothing left behind.</summary>
public sealed class BadInputTests
{
    private const string Matrix = "model.layers.1.mlp.down_proj.weight";

    [Fact]
    public void Rows_that_are_not_UTF8_are_refused_with_line_and_byte()
    {
        using var folder = new TemporaryFolder();
        var line = TinyModel.TrainLine(folder);
        File.WriteAllBytes(folder.File("rows.jsonl"), [.. Encoding.UTF8.GetBytes("{\"prompt\": \"a\", \"completion\": \" b\"}\n{\"prompt\": \""), 0xC3, 0x28]);
        CheckRefused(folder, line, "rows.jsonl", "line 2", "UTF-8");
    }

    [Theory, InlineData(float.NaN), InlineData(float.PositiveInfinity)]
    public void Weights_that_are_not_finite_are_refused_by_name(float value)
    {
        using var folder = new TemporaryFolder();
        Changed(folder, tensors => tensors[Matrix][3, 5] = value);
        CheckRefused(folder, [.. TinyModel.TrainLine(folder, $"model={folder.File("model")}")], Matrix, "finite");
        CheckRefused(folder, ["convert", folder.File("model"), folder.File("made")], Matrix, "finite");
        CheckRefused(folder, ["generate", "--model", folder.File("model"), "number"], Matrix, "finite");
        CheckRefused(folder, ["eval", "--model", folder.File("model"), "--data", folder.File("held.jsonl"), "evaluate.samples=0"], Matrix, "finite");
        Assert.False(Directory.Exists(folder.File("made")));
    }

    [Fact]
    public void Tensors_that_are_missing_too_many_or_of_another_shape_are_listed_together()
    {
        using var folder = new TemporaryFolder();
        Changed(folder, tensors =>
        {
            tensors.Remove(Matrix);
            tensors["model.layers.9.mlp.down_proj.weight"] = zeros(2, 2);
            tensors["model.norm.weight"] = ones(3);
        });
        CheckRefused(folder, [.. TinyModel.TrainLine(folder, $"model={folder.File("model")}")], Matrix, "model.layers.9.mlp.down_proj.weight", "model.norm.weight");
    }

    [Theory]
    [InlineData(-40, "the file ends here, truncated")]
    [InlineData(100, "bytes follow it")]
    public void A_gguf_file_that_is_cut_or_padded_is_refused_by_every_verb_that_opens_it(int change, string message)
    {
        using var folder = new TemporaryFolder();
        var file = TinyGguf.Write(folder.File("tiny.gguf"));
        var bytes = File.ReadAllBytes(file);
        File.WriteAllBytes(file, change < 0 ? bytes[..^-change] : [.. bytes, .. new byte[change]]);
        foreach (var line in new[] { ["inspect", file], ["plan", "--model", file], ["convert", file, folder.File("made")], ["generate", "--model", file, "x"], TinyModel.TrainLine(folder, $"model={file}") })
            CheckRefused(folder, line, "tiny.gguf", message);
        Assert.False(Directory.Exists(folder.File("made")));
    }

    [Fact]
    public void A_safetensors_file_with_bytes_to_spare_is_refused()
    {
        using var folder = new TemporaryFolder();
        Changed(folder, _ => { });
        File.AppendAllText(folder.File("model", "model.safetensors"), "more");
        CheckRefused(folder, [.. TinyModel.TrainLine(folder, $"model={folder.File("model")}")], "model.safetensors");
    }

    [Fact]
    public void A_row_longer_than_the_context_is_refused_with_its_line()
    {
        using var folder = new TemporaryFolder();
        var line = TinyModel.TrainLine(folder);
        File.AppendAllText(folder.File("rows.jsonl"), $"{{\"prompt\": \"{string.Concat(Enumerable.Range(0, 90).Select(i => $"{i} "))}\", \"completion\": \" odd\"}}\n");
        CheckRefused(folder, line, "rows.jsonl", "1 row is longer than 64 tokens", "32");
    }

    [Fact]
    public void An_adapter_of_another_base_is_refused_by_generate_and_merge()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(ExitCode.Done, Tool.Run([.. TinyModel.TrainLine(folder, "train.steps=1", "evaluate.samples=0"), "--name", "run"]).Code);
        Changed(folder, tensors => tensors[Matrix][0, 0] += 1);
        foreach (var line in new[] { new[] { "generate", "x" }, ["merge", "--out", folder.File("merged")] })
        {
            string[] whole = [.. line, "--model", folder.File("model"), "--adapter", folder.File("out", "run")];
            CheckRefused(null, whole, "was trained on another base", "--force");
        }
        Assert.False(Directory.Exists(folder.File("merged")));
    }

    [Fact]
    public void A_truncated_adapter_and_one_that_is_none_are_refused()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(ExitCode.Done, Tool.Run([.. TinyModel.TrainLine(folder, "train.steps=1", "evaluate.samples=0"), "--name", "run"]).Code);
        var file = folder.File("out", "run", "adapter_model.safetensors");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^8]);
        CheckRefused(null, ["generate", "--model", TinyModel.Folder, "--adapter", folder.File("out", "run"), "x"], "adapter_model.safetensors");
        CheckRefused(null, ["generate", "--model", TinyModel.Folder, "--adapter", folder.Path, "x"], folder.Path);
        CheckRefused(null, ["generate", "--model", TinyModel.Folder, "--adapter", folder.File("nothing"), "x"], folder.File("nothing"));
    }

    private static void CheckRefused(TemporaryFolder? folder, string[] line, params string[] parts)
    {
        var (code, _, error) = Tool.Run(line);
        Assert.Equal(ExitCode.Failed, code);
        Assert.All(parts, part => Assert.Contains(part, error, StringComparison.Ordinal));
        Assert.DoesNotContain("Exception", error, StringComparison.Ordinal);
        if (folder is not null) Assert.False(Directory.Exists(folder.File("out")), "a run folder was left behind");
    }

    // The tiny model with other tensors, in the folder "model".
    private static void Changed(TemporaryFolder folder, Action<Dictionary<string, Tensor>> change)
    {
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(folder.File("model"));
        foreach (var file in Directory.EnumerateFiles(TinyModel.Folder)) File.Copy(file, folder.File("model", Path.GetFileName(file)));
        using var origin = Checkpoint.Open(TinyModel.Folder);
        var tensors = origin.Tensors.Keys.ToDictionary(k => k, k => origin.Read(k).clone());
        change(tensors);
        Safetensors.Write(folder.File("model", "model.safetensors"), tensors.Select(t => (t.Key, t.Value)));
    }
}
