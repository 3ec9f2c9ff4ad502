using Weft.Checkpoints;

namespace Weft.Tests.Checkpoints;

public sealed class ShardedSafetensorsTests : IDisposable
{
    private const string First = "model-00001-of-00002.safetensors", Second = "model-00002-of-00002.safetensors";
    private readonly TemporaryFolder folder = new();

    public ShardedSafetensorsTests()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(folder.File(First), [("a", ones(2)), ("b", zeros(3))]);
        Safetensors.Write(folder.File(Second), [("c", arange(4, float32))]);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Tensors_of_all_shards_stand_in_one_list()
    {
        using var scope = NewDisposeScope();
        Index($$$"""{"metadata":{"total_size":36},"weight_map":{"c":"{{{Second}}}","a":"{{{First}}}","b":"{{{First}}}"}}""");
        using var read = Checkpoint.Open(folder.Path);
        Assert.Equal(["a", "b", "c"], read.Tensors.Keys);
        Assert.Equal(folder.File(Second), read.Tensors["c"].File);
        Assert.Equal(6, read.Read("c").sum().item<float>());
        Assert.Equal("36", read.Metadata["total_size"]);
        Assert.Throws<KeyNotFoundException>(() => read.Read("d"));
    }

    [Fact]
    public void Every_difference_between_index_and_shards_is_named_at_once()
    {
        File.WriteAllText(folder.File("broken.safetensors"), "");
        Index($$$"""
            {"weight_map":{"a":"{{{First}}}","x":"{{{First}}}","c":"{{{First}}}","y":"gone.safetensors","z":"gone.safetensors","up":"../m.safetensors","down":"d/m.safetensors",
            "win":"d\\m.safetensors","dots":"..","n":3,"a":"{{{Second}}}","q":"broken.safetensors","s":"{{{Second}}}"}}
            """);
        Assert.Equal($"""
            {folder.File("model.safetensors.index.json")} does not describe its shards:
              weight_map: "up" lies in "../m.safetensors"; only a file name without a folder is allowed
              weight_map: "down" lies in "d/m.safetensors"; only a file name without a folder is allowed
              weight_map: "win" lies in "d\m.safetensors"; only a file name without a folder is allowed
              weight_map: "dots" lies in ".."; only a file name without a folder is allowed
              weight_map: "n" must name a file
              weight_map: the name "a" stands twice
              {folder.File("broken.safetensors")}: byte 0: the file ends here; a safetensors file begins with 8 bytes that give the length of its header.
              gone.safetensors: is missing (2 tensors are said to lie in it)
              {First}: holds "b", which the index does not name
              {Second}: holds "c", which the index places in {First}
              {First}: has no tensor "x", which the index places there
              {First}: has no tensor "c", which the index places there
              {Second}: has no tensor "s", which the index places there
            """.ReplaceLineEndings("\n"), Refusal());
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("[]", "an object with a weight_map (tensor name to file name) is needed")]
    [InlineData("{\"weight_map\":[]}", "an object with a weight_map (tensor name to file name) is needed")]
    [InlineData("{\"weight_map\":{\"a\":\"\\ud800\"}}", "a string is not valid Unicode")]
    public void An_index_of_another_form_is_refused(string json, string says)
    {
        Index(json);
        Assert.Contains(says, Refusal());
    }

    private void Index(string json) => File.WriteAllText(folder.File("model.safetensors.index.json"), json);

    private string Refusal() => Assert.Throws<InvalidDataException>(() => Checkpoint.Open(folder.Path)).Message;
}
