using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Cli;
using Weft.Tests.Checkpoints;
using Weft.Tests.Methods;

namespace Weft.Tests.Cli;

/// <summary>A GGUF file in place of a folder: it says the same, and converts into the folder.</summary>
public sealed class ConvertTests
{
    [Fact]
    public void A_gguf_file_converts_into_the_folder_it_was_made_from()
    {
        using var folder = new TemporaryFolder();
        var file = TinyGguf.Write(folder.File("tiny.gguf"));
        Done("convert", file, folder.File("fp32"), "--dtype", "fp32");
        using (var made = Checkpoint.Open(folder.File("fp32")))
        using (var origin = Checkpoint.Open(TinyModel.Folder))
        {
            Assert.Equal(origin.Tensors.Keys.Order(), made.Tensors.Keys.Order());
            foreach (var name in origin.Tensors.Keys) Assert.True(Bits.Same(origin.Read(name), made.Read(name)), name);
        }
        // The file alone, the folder made of it and the folder it was made of say the same.
        string Text(string model) => (string)JsonNode.Parse(Done("generate", "--model", model, "number 7 is", "--max-new-tokens", "12", "--json"))![0]!["answer"]!;
        Assert.Equal(Text(TinyModel.Folder), Text(file));
        Assert.Equal(Text(TinyModel.Folder), Text(folder.File("fp32")));
    }

    [Fact]
    public void Bf16_is_fp32_rounded_once_to_the_nearest()
    {
        using var folder = new TemporaryFolder();
        var file = TinyGguf.Write(folder.File("tiny.gguf"));
        Assert.Contains("rounded once to bf16, to the nearest, ties to even", Done("convert", file, folder.File("bf16")), StringComparison.Ordinal);
        using var made = Checkpoint.Open(folder.File("bf16"));
        using var origin = Checkpoint.Open(TinyModel.Folder);
        foreach (var name in origin.Tensors.Keys) Assert.True(Bits.Same(origin.Read(name).to(ScalarType.BFloat16), made.Read(name)), name);
    }

    [Fact]
    public void A_gguf_file_trains_and_is_merged_like_a_folder()
    {
        using var folder = new TemporaryFolder();
        var file = TinyGguf.Write(folder.File("tiny.gguf"));
        Done([.. TinyModel.TrainLine(folder, "train.steps=3", "evaluate.samples=0", $"model={file}"), "--name", "run"]);
        Done("merge", "--model", file, "--adapter", folder.File("out", "run"), "--out", folder.File("merged"));
        Done("generate", "--model", folder.File("merged"), "number 7 is", "--max-new-tokens", "2");
        Done("convert", file, folder.File("fp32"), "--dtype", "fp32");
        Done("eval", "--model", folder.File("fp32"), "--data", folder.File("held.jsonl"), "--adapter", folder.File("out", "run"), "evaluate.samples=0"); // the converted folder has the fingerprint of the file
    }

    [Fact]
    public void A_part_of_a_split_file_is_refused_by_that_name()
    {
        using var folder = new TemporaryFolder();
        var file = TinyGguf.Write(folder.File("tiny-00001-of-00003.gguf"), parts: 3);
        var (code, _, error) = Tool.Run("convert", file, folder.File("made"));
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("is one of 3 parts of a model", error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Done, Tool.Run("inspect", file).Code);
    }

    [Fact]
    public void A_folder_that_holds_something_is_not_written()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("mine"), "");
        var (code, _, error) = Tool.Run("convert", TinyModel.Folder, folder.Path);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("exists and is not overwritten", error, StringComparison.Ordinal);
    }

    private static string Done(params string[] line)
    {
        var (code, output, error) = Tool.Run(line);
        Assert.True(code == ExitCode.Done, error);
        return output;
    }
}
