using System.Globalization;
using Weft.Checkpoints;
using static Weft.Tests.Checkpoints.SafetensorsBytes;

namespace Weft.Tests.Checkpoints;

public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Two_reads_share_the_memory_of_the_file()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(folder.File("model.safetensors"), [("w", arange(100, float32))]);
        using var read = Checkpoint.Open(folder.Path);
        var (first, second) = (read.Read("w"), read.Read("w", float32));
        Assert.Equal(Address(first), Address(second));
        Assert.NotEqual(Address(first), Address(read.Read("w", ScalarType.Float64)));
        Assert.False(first.requires_grad);
    }

    [Fact]
    public void The_map_lives_until_the_checkpoint_and_the_last_tensor_are_gone()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The list of maps is read from /proc.");
        var path = folder.File("mapped.safetensors");
        Safetensors.Write(path, [("v", ones(3)), ("w", arange(100, float32))]);
        var read = Checkpoint.Open(path);
        var (v, w) = (read.Read("v").DetachFromDisposeScope(), read.Read("w").DetachFromDisposeScope());
        Assert.NotNull(MapOf(path));
        read.Dispose();
        read.Dispose();
        v.Dispose();
        Assert.NotNull(MapOf(path));
        Assert.Equal(4950, w.sum().item<float>());
        w.Dispose();
        Assert.Null(MapOf(path));
        Assert.Throws<ObjectDisposedException>(() => read.Read("v"));
    }

    [Fact]
    public void Opening_and_reading_leaves_the_numbers_on_the_disk()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The resident part of a map is read from /proc.");
        var path = folder.File("resident.safetensors");
        using var scope = NewDisposeScope();
        Safetensors.Write(path, Enumerable.Range(0, 16).Select(i => ($"w{i}", zeros(1 << 20))));
        using var read = Checkpoint.Open(path);
        var tensors = read.Tensors.Keys.Select(name => read.Read(name)).ToArray();
        // 64 MB are mapped; the kernel brings in a few pages around the header
        Assert.InRange(ResidentKilobytes(path), 1, 2048);
        Assert.Equal(0, tensors[7].sum().item<float>());
        Assert.InRange(ResidentKilobytes(path), 4096, 65536);
    }

    [Fact]
    public void A_file_can_be_written_anew_from_its_own_tensors()
    {
        using var scope = NewDisposeScope();
        var path = folder.File("a.safetensors");
        Safetensors.Write(path, [("w", arange(100, float32))]);
        using var old = Safetensors.Open(path);
        Safetensors.Write(path, [("w", old.Read("w") * 2), ("v", old.Read("w"))]);
        using var renewed = Safetensors.Open(path);
        Assert.Equal(99, old.Read("w")[99].item<float>());
        Assert.Equal(198, renewed.Read("w")[99].item<float>());
        Assert.True(old.Read("w").Equals(renewed.Read("v")));
    }

    [Fact]
    public void A_folder_with_one_gguf_file_opens_by_it()
    {
        using var scope = NewDisposeScope();
        File.WriteAllBytes(folder.File("model.gguf"), new GgufBytes().Tensor("a", 0, 0, 4).File(16));
        using var read = Checkpoint.Open(folder.Path);
        Assert.Equal(folder.Path, read.Path);
        Assert.Equal(("F32", folder.File("model.gguf")), (read.Tensors["a"].Kind, read.Tensors["a"].File));
    }

    [Fact]
    public void A_tensor_that_is_not_aligned_is_copied()
    {
        using var scope = NewDisposeScope();
        var path = folder.File("a.safetensors");
        var entries = $"{{{Entry("b", "U8", "1", 0, 1)},{Entry("f", "F32", "2", 1, 9)},{Entry("h", "BF16", "2", 9, 13)}}}";
        File.WriteAllBytes(path, Of(entries.PadRight((entries.Length + 7) / 8 * 8), 13));
        using var read = Safetensors.Open(path);
        Assert.NotEqual(Address(read.Read("f")), Address(read.Read("f")));
        Assert.Equal(BitConverter.ToSingle([1, 2, 3, 4]), read.Read("f")[0].item<float>());
        Assert.Equal(8, read.Read("f").bytes[7]);
        Assert.Equal(Address(read.Read("b")), Address(read.Read("b")));
    }

    [Fact]
    public void Reading_in_another_type_converts()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(folder.File("a.safetensors"), [("w", tensor(new[] { 1.5f, -2f }).to(ScalarType.Float16))]);
        using var read = Checkpoint.Open(folder.File("a.safetensors"));
        Assert.Equal(ScalarType.Float16, read.Read("w").dtype);
        Assert.Equal(float32, read.Read("w", float32).dtype);
        Assert.Equal([1.5f, -2f], read.Read("w", bfloat16).to(float32).data<float>().ToArray());
        Assert.Equal(new("w", "F16", [2], 4, folder.File("a.safetensors")), read.Tensors["w"] with { Shape = read.Tensors["w"].Shape }, Same);
        Assert.Equal("pt", read.Metadata["format"]);
    }

    [Fact]
    public void A_missing_tensor_is_named_beside_those_that_are_there()
    {
        using var scope = NewDisposeScope();
        var path = folder.File("a.safetensors");
        Safetensors.Write(path, Enumerable.Range(0, 7).Select(i => ($"w{i}", zeros(1))));
        using var read = Safetensors.Open(path);
        Assert.Equal($"{path} has no tensor \"x\"; it has 7: w0, w1, w2, w3, w4, ….", Assert.Throws<KeyNotFoundException>(() => read.Read("x")).Message);
    }

    [Fact]
    public void A_folder_without_a_checkpoint_says_what_was_looked_for_and_what_is_there()
    {
        File.WriteAllText(folder.File("config.json"), "{}");
        File.WriteAllText(folder.File("pytorch_model.bin"), "");
        var error = Assert.Throws<FileNotFoundException>(() => Checkpoint.Open(folder.Path));
        Assert.Equal($"""
            {folder.Path} holds no checkpoint.
              looked for: model.safetensors, model.safetensors.index.json, adapter_model.safetensors, one .gguf file
              there is: config.json, pytorch_model.bin
            PyTorch pickles (.bin) are not supported yet; save the model as safetensors.
            """.ReplaceLineEndings("\n"), error.Message);
    }

    [Fact]
    public void Nothing_two_gguf_files_and_foreign_files_are_refused()
    {
        Assert.Equal($"{folder.File("no")} is neither a file nor a folder.", Assert.Throws<FileNotFoundException>(() => Checkpoint.Open(folder.File("no"))).Message);
        File.WriteAllText(folder.File("b.gguf"), "");
        File.WriteAllText(folder.File("a.gguf"), "");
        Assert.Equal($"{folder.Path} holds 2 .gguf files, name one of them: a.gguf, b.gguf.", Assert.Throws<FileNotFoundException>(() => Checkpoint.Open(folder.Path)).Message);
        File.WriteAllText(folder.File("a.bin"), "");
        Assert.Contains("is a PyTorch pickle, which is not supported yet", Assert.Throws<NotSupportedException>(() => Checkpoint.Open(folder.File("a.bin"))).Message);
        File.WriteAllText(folder.File("a.npz"), "");
        Assert.EndsWith("is neither a .safetensors nor a .gguf file.", Assert.Throws<NotSupportedException>(() => Checkpoint.Open(folder.File("a.npz"))).Message);
    }

    [Fact]
    public void An_adapter_folder_opens_by_its_file()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(folder.File("adapter_model.safetensors"), [("lora_A", ones(2))]);
        using var read = Checkpoint.Open(folder.Path);
        Assert.Equal(folder.Path, read.Path);
        Assert.Equal(folder.File("adapter_model.safetensors"), read.Tensors["lora_A"].File);
    }

    private static bool Same(TensorEntry a, TensorEntry b) => (a with { Shape = [] }) == (b with { Shape = [] }) && a.Shape.SequenceEqual(b.Shape);

    private static unsafe nint Address(Tensor tensor)
    {
        fixed (byte* start = tensor.bytes) return (nint)start;
    }

    private static string? MapOf(string path) => File.ReadLines("/proc/self/maps").FirstOrDefault(line => line.EndsWith(path, StringComparison.Ordinal));

    private static int ResidentKilobytes(string path)
    {
        var resident = File.ReadLines("/proc/self/smaps").SkipWhile(line => !line.EndsWith(path, StringComparison.Ordinal)).First(line => line.StartsWith("Rss:", StringComparison.Ordinal));
        return int.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }
}
