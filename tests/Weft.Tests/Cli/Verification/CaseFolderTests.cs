using Weft.Cli.Verification;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli.Verification;

/// <summary>Where a case's files are looked for.</summary>
public sealed class CaseFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Without_names_everything_lies_in_the_folder()
    {
        Write("x/case/model/config.json", "x/case/adapter/adapter_config.json", "x/case/inputs.safetensors", "x/case/outputs.safetensors");
        var request = Read("{}");
        Assert.Equal(("model", "adapter"), (Path.GetFileName(request.Model), Path.GetFileName(request.Adapter)));
        Assert.Null(request.GradientsOf);
    }

    [Theory, InlineData("../bases/llama"), InlineData("bases/llama"), InlineData("assets/llama")]
    public void A_named_path_is_relative_to_the_case_or_any_folder_above(string path)
    {
        Write("x/bases/llama/config.json", "assets/llama/config.json", "x/shared.safetensors", "x/case/outputs.safetensors");
        var request = Read("""{"base": "PATH", "inputs": "../shared.safetensors", "gradients_of": "long", "adapter": {"sha256": "no path"}}""".Replace("PATH", path, StringComparison.Ordinal));
        Assert.True(File.Exists(Path.Combine(request.Model, "config.json")));
        Assert.Equal(("shared.safetensors", "long", null), (Path.GetFileName(request.Inputs), request.GradientsOf, request.Adapter));
    }

    [Fact]
    public void A_folder_of_several_adapters_says_that_it_is_one()
    {
        Write("x/case/model/config.json", "x/case/adapter/a/adapter_config.json", "x/case/adapter/b/adapter_config.json", "x/case/inputs.safetensors", "x/case/outputs.safetensors");
        var request = Read("{}");
        Assert.Null(request.Adapter);
        Assert.Contains("several adapters (a, b)", request.WhyNoAdapter, StringComparison.Ordinal);
    }

    [Fact]
    public void All_that_is_missing_is_named()
    {
        Write("x/case/nothing");
        var message = Assert.Throws<FileNotFoundException>(() => Read("""{"adapter": "gone"}""")).Message;
        foreach (var part in new[] { "a model:", "inputs:", "expected outputs:", "gone" }) Assert.Contains(part, message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_folder_a_file_and_no_json_are_refused()
    {
        Assert.StartsWith("There is no folder", Assert.Throws<DirectoryNotFoundException>(() => CaseFolder.Read(folder.File("none"))).Message, StringComparison.Ordinal);
        Write("x/case/model/config.json");
        Assert.Contains("is a file", Assert.Throws<DirectoryNotFoundException>(() => CaseFolder.Read(folder.File("x/case/model/config.json"))).Message, StringComparison.Ordinal);
        Assert.Contains("is not JSON", Assert.Throws<InvalidDataException>(() => Read("{")).Message, StringComparison.Ordinal);
        Assert.Contains("not one JSON object", Assert.Throws<InvalidDataException>(() => Read("[]")).Message, StringComparison.Ordinal);
    }

    private VerifyRequest Read(string json)
    {
        File.WriteAllText(folder.File("x/case/case.json"), json);
        return CaseFolder.Read(folder.File("x/case"));
    }

    private void Write(params string[] names)
    {
        foreach (var path in names.Select(n => folder.File(n)))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "");
        }
    }
}
