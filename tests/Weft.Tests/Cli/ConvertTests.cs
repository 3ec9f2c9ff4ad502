using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Cli;
using Weft.Models;
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

    [Fact]
    public void A_folder_of_the_user_beside_the_target_is_left_alone()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("made.new"));
        File.WriteAllText(folder.File("made.new", "mine"), "");
        Done("convert", TinyModel.Folder, folder.File("made"));
        Assert.True(File.Exists(folder.File("made.new", "mine")));
        Assert.Equal(["made", "made.new"], Directory.EnumerateFileSystemEntries(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_empty_folder_that_is_there_is_filled_and_not_replaced()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Folders have no mode here.");
            return; // which the analyzer of platforms does not know
        }
        using var folder = new TemporaryFolder();
        const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherExecute;
        Directory.CreateDirectory(folder.File("made"), mode);
        Done("convert", TinyModel.Folder, folder.File("made"), "--dtype", "fp32");
        Assert.Equal(mode, File.GetUnixFileMode(folder.File("made")));
        Assert.Equal(Directory.EnumerateFiles(TinyModel.Folder).Select(Path.GetFileName).Order(), Directory.EnumerateFileSystemEntries(folder.File("made")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_target_below_a_file_is_refused_before_the_model_is_opened()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("mine"), "");
        var (code, _, error) = Tool.Run("convert", "no/model", folder.File("mine", "below", "made"));
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains($"{folder.File("mine")} is a file", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gguf_file_without_a_tokenizer_converts_without_one()
    {
        using var folder = new TemporaryFolder();
        var file = TinyGguf.Write(folder.File("tiny.gguf"), hasTokenizer: false);
        Assert.Contains("no tokenizer", Done("convert", file, folder.File("made")), StringComparison.Ordinal);
        Assert.Contains("has no tokenizer.json", Tool.Run("generate", "--model", file, "x").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_broken_tokenizer_is_refused_before_the_weights_are_opened()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Copy(folder.File("model"));
        File.WriteAllText(folder.File("model", "tokenizer.json"), "{");
        File.WriteAllText(folder.File("model", "model.safetensors"), "");
        foreach (var line in new[] { ["generate", "--model", folder.File("model"), "x"], TinyModel.TrainLine(folder, $"model={folder.File("model")}") })
            Assert.Contains("tokenizer.json", Tool.Run(line).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_end_token_of_a_gguf_file_ends_answers_of_the_folder_made_of_it()
    {
        using var folder = new TemporaryFolder();
        var file = TinyGguf.Write(folder.File("tiny.gguf"), more: f => f.Key("tokenizer.ggml.eot_token_id", 7u));
        Done("convert", file, folder.File("made"), "--dtype", "fp32");
        Assert.Equal([0, 7], LoadedModel.TokenizerOf(file).EndIds);
        Assert.Equal([0, 7], LoadedModel.TokenizerOf(folder.File("made")).EndIds);
        Assert.Equal("""{"bos_token_id":0,"eos_token_id":[0,7]}""", JsonNode.Parse(File.ReadAllText(folder.File("made", "generation_config.json")))!.ToJsonString());
        using var model = Pretrained.Load(file);
        using var made = Pretrained.Load(folder.File("made"));
        Assert.Equal(Fingerprint.Of(model), Fingerprint.Of(made));
    }

    [Fact]
    public void Every_end_token_of_a_folder_ends_answers_of_the_one_made_of_it()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Copy(folder.File("model"));
        const string generation = """{"eos_token_id": [0, 9], "temperature": 0.5}""";
        File.WriteAllText(folder.File("model", "generation_config.json"), generation);
        Done([.. TinyModel.TrainLine(folder, "train.steps=1", "evaluate.samples=0", $"model={folder.File("model")}"), "--name", "run"]);
        Done([.. TinyModel.TrainLine(folder, "train.steps=1", "evaluate.samples=0", "method=full", "adapter=null", $"model={folder.File("model")}"), "--name", "full"]);
        Done("convert", folder.File("model"), folder.File("made"));
        Done("merge", "--model", folder.File("model"), "--adapter", folder.File("out", "run"), "--out", folder.File("merged"));
        foreach (var made in new[] { folder.File("made"), folder.File("merged"), folder.File("out", "full", "model") })
        {
            Assert.Equal(generation, File.ReadAllText(Path.Combine(made, "generation_config.json")));
            Assert.Equal([0, 9], LoadedModel.TokenizerOf(made).EndIds);
            Assert.Equal("0", Config(made)["eos_token_id"]!.ToJsonString());
        }
    }

    [Theory]
    [InlineData("""{"torch_dtype": "bfloat16"}""", "torch_dtype")]
    [InlineData("""{"dtype": "bfloat16"}""", "dtype")]
    [InlineData("""{"dtype": "bfloat16", "torch_dtype": "float16"}""", "dtype")]
    public void One_key_says_the_type_that_is_written(string keys, string key)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Copy(folder.File("model"));
        var config = Config(folder.File("model"));
        config.Remove("torch_dtype");
        foreach (var (name, value) in JsonNode.Parse(keys)!.AsObject()) config[name] = value!.DeepClone();
        File.WriteAllText(folder.File("model", "config.json"), config.ToJsonString());
        Done("convert", folder.File("model"), folder.File("made"), "--dtype", "fp32");
        Assert.Equal([(key, "float32")], Config(folder.File("made")).Where(c => c.Key.EndsWith("dtype", StringComparison.Ordinal)).Select(c => (c.Key, (string)c.Value!)));
    }

    [Fact]
    public void Weights_of_64_bits_are_said_to_be_rounded()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Copy(folder.File("model"));
        using (var origin = Checkpoint.Open(TinyModel.Folder)) Safetensors.Write(folder.File("model", "model.safetensors"), origin.Tensors.Keys.Select(k => (k, origin.Read(k, ScalarType.Float64))));
        Assert.Contains("those stored as F64 rounded to it, to the nearest", Done("convert", folder.File("model"), folder.File("made"), "--dtype", "fp32"), StringComparison.Ordinal);
        Assert.Contains("no bit was rounded", Done("convert", TinyModel.Folder, folder.File("other"), "--dtype", "fp32"), StringComparison.Ordinal);
    }

    private static JsonObject Config(string folder) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();

    private static string Done(params string[] line)
    {
        var (code, output, error) = Tool.Run(line);
        Assert.True(code == ExitCode.Done, error);
        return output;
    }
}
