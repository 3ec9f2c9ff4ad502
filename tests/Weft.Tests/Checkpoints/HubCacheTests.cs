using Weft.Checkpoints;

namespace Weft.Tests.Checkpoints;

public sealed class HubCacheTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("HF_HUB_CACHE", "")]
    [InlineData("HUGGINGFACE_HUB_CACHE", "")]
    [InlineData("HF_HOME", "hub")]
    [InlineData("XDG_CACHE_HOME", "huggingface/hub")]
    [InlineData("HOME", ".cache/huggingface/hub")]
    public void A_model_is_found_by_each_variable(string variable, string below)
    {
        var snapshot = Model(below, "main", "0123abc");
        Assert.Equal(snapshot, HubCache.Find("org/name", v => v == variable ? folder.Path : null));
    }

    [Fact]
    public void A_revision_is_a_branch_a_tag_or_a_commit()
    {
        Model("", "main", "aaa");
        var other = Model("", "refs-of/pull", "bbb");
        Assert.Equal(other, Find("org/name@refs-of/pull"));
        Assert.Equal(other, Find("org/name@bbb"));
        var pull = Model("", "refs/pr/1", "ddd"); // as `hf download --revision refs/pr/1` lays it
        Assert.Equal(pull, Find("org/name@refs/pr/1"));
        Assert.Null(Find("org/name@ccc"));
        Assert.Null(Find("org/other"));
    }

    [Fact]
    public void A_gguf_file_of_a_model_is_found_by_its_name()
    {
        var snapshot = Model("", "main", "aaa");
        File.WriteAllText(Path.Combine(snapshot, "m.Q4_0.gguf"), "");
        Assert.Equal(Path.Combine(snapshot, "m.Q4_0.gguf"), Find("org/name/m.Q4_0.gguf"));
        Assert.Equal(Path.Combine(snapshot, "m.Q4_0.gguf"), Find("org/name/m.Q4_0.gguf@main"));
        Assert.Null(Find("org/name/m.Q8_0.gguf"));
        var error = Assert.Throws<FileNotFoundException>(() => HubCache.Require("org/name/m.Q8_0.gguf", v => v == "HF_HUB_CACHE" ? folder.Path : null));
        Assert.Contains("there is: m.Q4_0.gguf\n  Get it with `hf download org/name m.Q8_0.gguf`", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("org/name", true)]
    [InlineData("org/name@refs/pr/1", true)]
    [InlineData("held", true)]
    [InlineData("gpt2", false)]
    [InlineData("here/model.gguf", false)]
    [InlineData("here/below/model.gguf", false)]
    [InlineData("./name", false)]
    [InlineData("org/name/", false)]
    [InlineData("a/b/c", false)]
    public void What_looks_like_a_path_is_no_name(string name, bool isName)
    {
        Directory.CreateDirectory(folder.File("models--held", "snapshots", "main"));
        Assert.Equal(isName, HubCache.IsName(name, v => v == "HF_HUB_CACHE" ? folder.Path : null));
    }

    [Theory]
    [InlineData("../name")]
    [InlineData("org/name@../../x")]
    [InlineData("org/name/file")]
    [InlineData("/abs")]
    [InlineData("")]
    [InlineData("org/na me")]
    public void What_is_no_name_of_a_model_is_not_looked_up(string name) => Assert.Null(Find(name));

    [Fact]
    public void A_reference_that_leads_out_of_the_cache_is_not_followed()
    {
        Model("", "main", "aaa");
        File.WriteAllText(folder.File("models--org--name", "refs", "main"), "../../..");
        Assert.Null(Find("org/name"));
    }

    [Fact]
    public void A_model_that_is_absent_says_where_it_was_looked_for_and_how_to_get_it()
    {
        var error = Assert.Throws<FileNotFoundException>(() => HubCache.Require("org/name@v2", v => v == "HF_HUB_CACHE" ? folder.Path : null));
        Assert.Equal($"org/name@v2 is no file or folder here, and not in the Hugging Face cache.\n  looked in: {folder.File("models--org--name")}, revision v2\n" +
            "  Get it with `hf download org/name --revision v2`, set HF_HOME or HF_HUB_CACHE to the cache that has it, or name a folder or a .gguf file. Weft itself does not download yet.", error.Message);
        Assert.Contains("is no name of a model on the Hugging Face hub", Assert.Throws<FileNotFoundException>(() => HubCache.Require("a b")).Message);
    }

    private string? Find(string name) => HubCache.Find(name, v => v == "HF_HUB_CACHE" ? folder.Path : null);

    private string Model(string below, string reference, string commit)
    {
        var model = Path.Combine([folder.Path, .. below.Split('/', StringSplitOptions.RemoveEmptyEntries), "models--org--name"]);
        var file = Path.Combine([model, "refs", .. reference.Split('/')]);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, commit + "\n");
        return Directory.CreateDirectory(Path.Combine(model, "snapshots", commit)).FullName;
    }
}
