using Weft.Models;
using Weft.Tests.Checkpoints;
using Weft.Tests.Cli;

namespace Weft.Tests.Models;

/// <summary>What a name stands for, what is said where it stands for nothing, and that a model lets go of its file.</summary>
public sealed class PretrainedTests
{
    [Theory]
    [InlineData("./nothing", "There is no file or folder ")]
    [InlineData("nothing.gguf", "There is no file or folder ")]
    [InlineData("below/nothing.gguf", "There is no file or folder ")]
    [InlineData("a/b/c", "There is no file or folder ")]
    [InlineData("nothing", "There is no model nothing: no folder or file is called so, nor a built-in base")]
    public void A_path_to_nothing_is_said_without_a_word_of_the_hub(string name, string message)
    {
        var e = Assert.Throws<FileNotFoundException>(() => Pretrained.Find(name));
        Assert.StartsWith(message, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hf download", e.Message, StringComparison.Ordinal);
        if (name.Contains('/') || name.Contains('.')) Assert.Contains(Path.GetFullPath(name), e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_the_cache_lacks_is_said_with_the_place_and_the_way_out()
    {
        var e = Assert.Throws<FileNotFoundException>(() => Pretrained.Find("some-org/no-such-model@refs/pr/1"));
        Assert.Contains("looked in: ", e.Message, StringComparison.Ordinal);
        Assert.Contains("models--some-org--no-such-model", e.Message, StringComparison.Ordinal);
        Assert.Contains("`hf download some-org/no-such-model --revision refs/pr/1`", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Links_that_lead_nowhere_are_listed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a right here.");
        using var folder = new TemporaryFolder();
        TinyModel.Copy(folder.File("model"));
        foreach (var name in new[] { "model.safetensors", "tokenizer.json" })
        {
            File.Delete(folder.File("model", name));
            File.CreateSymbolicLink(folder.File("model", name), $"../blobs/{name}-blob");
        }
        var e = Assert.Throws<FileNotFoundException>(() => Pretrained.Load(folder.File("model")));
        Assert.Contains($"{folder.File("model", "model.safetensors")} -> ../blobs/model.safetensors-blob\n  {folder.File("model", "tokenizer.json")} -> ../blobs/tokenizer.json-blob\n", e.Message, StringComparison.Ordinal);
        Assert.Contains(" -> ../blobs/model.safetensors-blob", Assert.Throws<FileNotFoundException>(() => Pretrained.Find(folder.File("model", "model.safetensors"))).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(folder.File("blobs"));
        foreach (var name in new[] { "model.safetensors", "tokenizer.json" }) File.Copy(Path.Combine(TinyModel.Folder, name), folder.File("blobs", $"{name}-blob"));
        Pretrained.Load(folder.File("model")).Dispose();
        foreach (var unread in new[] { "onnx_config.json", "model.Q4_0.gguf" }) File.CreateSymbolicLink(folder.File("model", unread), "../blobs/gone");
        Pretrained.Load(folder.File("model")).Dispose(); // what nobody reads may be missing
    }

    [Theory, InlineData("folder"), InlineData("gguf")]
    public void A_disposed_model_lets_go_of_its_file_once_the_last_tensor_over_it_is_gone(string kind)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "What is mapped is read from proc.");
        using var folder = new TemporaryFolder();
        var path = kind == "gguf" ? TinyGguf.Write(folder.File("tiny.gguf")) : TinyModel.Copy(folder.File("model"));
        bool IsMapped() => File.ReadAllText("/proc/self/maps").Contains(folder.Path, StringComparison.Ordinal);

        var model = Pretrained.Load(path);
        Assert.True(IsMapped());
        var kept = model.Tensors[0].Pretrained.alias();
        var first = kept.data<float>()[0];
        model.Dispose();
        Assert.True(IsMapped());
        Assert.Equal(first, kept.data<float>()[0]);
        kept.Dispose();
        Assert.False(IsMapped());
        model.Dispose();
    }
}
