using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Cli;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>What other programs have written into a file stays short, harmless and apart from what is said of the file.</summary>
public sealed class InspectTests
{
    private const uint Array = 9, Double = 12, UInt32 = 4;

    [Fact]
    public void Long_lists_of_any_kind_are_shortened()
    {
        using var folder = new TemporaryFolder();
        var list = (byte[])[.. BitConverter.GetBytes(UInt32), .. BitConverter.GetBytes(3000UL), .. new byte[12000]];
        var file = TinyGguf.Write(folder.File("tiny.gguf"), more: f => f.Key("numbers", Array, list));
        var (code, output, error) = Tool.Run("inspect", file);
        Assert.True(code == ExitCode.Done, error);
        Assert.Contains("a list of 3000", output, StringComparison.Ordinal);
        Assert.All(output.Split('\n'), line => Assert.True(line.Length < 400, line));
        Assert.Equal(3000, JsonNode.Parse(Tool.Run("inspect", file, "--all", "--json").Output)!["metadata"]!["numbers"]!.AsArray().Count);
    }

    [Fact]
    public void Numbers_that_are_none_are_shown()
    {
        using var folder = new TemporaryFolder();
        var list = (byte[])[.. BitConverter.GetBytes(Double), .. BitConverter.GetBytes(2UL), .. BitConverter.GetBytes(double.NaN), .. BitConverter.GetBytes(1.5)];
        var file = TinyGguf.Write(folder.File("tiny.gguf"), more: f => f.Key("one", Double, BitConverter.GetBytes(double.PositiveInfinity)).Key("several", Array, list));
        var metadata = JsonNode.Parse(Tool.Run("inspect", file, "--all", "--json").Output)!["metadata"]!;
        Assert.Equal("Infinity", (string)metadata["one"]!);
        Assert.Equal("""["NaN",1.5]""", metadata["several"]!.ToJsonString());
        Assert.Contains("Infinity", Tool.Run("inspect", file, "--all").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_file_says_of_itself_does_not_stand_for_what_was_found()
    {
        using var folder = new TemporaryFolder();
        using (var scope = NewDisposeScope())
            Safetensors.Write(folder.File("a.safetensors"), [("weight", ones(2))], new Dictionary<string, string> { ["path"] = "elsewhere", ["kind"] = "adapter", ["tensors"] = "7" });
        var node = JsonNode.Parse(Tool.Run("inspect", folder.File("a.safetensors"), "--json").Output)!;
        Assert.Equal((folder.File("a.safetensors"), "safetensors", 1), ((string)node["path"]!, (string)node["kind"]!, (int)node["tensors"]!));
        Assert.Equal("elsewhere", (string)node["metadata"]!["path"]!);
    }

    [Fact]
    public void Control_characters_of_a_file_are_spelt()
    {
        using var folder = new TemporaryFolder();
        using (var scope = NewDisposeScope())
            Safetensors.Write(folder.File("a.safetensors"), [("red\u001b[31m", ones(2))], new Dictionary<string, string> { ["a"] = "x\u001b]0;title\u0007\ny" });
        var (_, output, _) = Tool.Run("inspect", folder.File("a.safetensors"));
        Assert.DoesNotContain(output, c => char.IsControl(c) && c is not ('\n' or '\r'));
        Assert.Contains("red\\u001b[31m", output, StringComparison.Ordinal);
        Assert.Contains("x\\u001b]0;title\\u0007\\ny", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_index_of_a_sharded_model_stands_for_its_folder()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Copy(folder.File("model"));
        File.Move(folder.File("model", "model.safetensors"), folder.File("model", "model-00001-of-00001.safetensors"));
        Assert.Contains("model.safetensors.index.json, which says what lies in which, is missing", Tool.Run("inspect", folder.File("model")).Error, StringComparison.Ordinal);
        using (var origin = Checkpoint.Open(TinyModel.Folder))
            File.WriteAllText(folder.File("model", "model.safetensors.index.json"), new JsonObject { ["weight_map"] = new JsonObject(origin.Tensors.Keys.Select(k => KeyValuePair.Create(k, (JsonNode?)"model-00001-of-00001.safetensors"))) }.ToJsonString());
        var node = JsonNode.Parse(Tool.Run("inspect", folder.File("model", "model.safetensors.index.json"), "--json").Output)!;
        Assert.Equal((folder.File("model"), "llama"), ((string)node["path"]!, (string)node["model_type"]!));
    }
}
