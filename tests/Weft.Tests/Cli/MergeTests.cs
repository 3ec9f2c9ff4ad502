using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Cli;
using Weft.Methods;
using Weft.Models;
using Weft.Tests.Checkpoints;
using Weft.Tests.Methods;

namespace Weft.Tests.Cli;

/// <summary>The folder that a merge leaves: what stands in it beside the weights, what its config says of them, and what was measured.</summary>
public sealed class MergeTests : IDisposable
{
    private static readonly string[] copied =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "tekken.json",
        "chat_template.jinja", "chat_template.json", "generation_config.json",
    ];

    private readonly TemporaryFolder folder = new();

    [Theory, InlineData("merge"), InlineData("convert")]
    public void Files_beside_the_weights_are_copied_byte_for_byte_and_not_read(string verb)
    {
        TinyModel.Copy(folder.File("model"));
        foreach (var file in copied) File.WriteAllBytes(folder.File("model", file), [0xFF, .. System.Text.Encoding.UTF8.GetBytes(file)]);
        File.WriteAllText(folder.File("model", "README.md"), "not of the model");
        if (verb == "merge") Adapter(folder.File("model"), "q_proj");
        Done(verb == "merge" ? MergeLine(folder.File("model")) : ["convert", folder.File("model"), folder.File("made")]);
        foreach (var file in copied) Assert.Equal(File.ReadAllBytes(folder.File("model", file)), File.ReadAllBytes(folder.File("made", file)));
        Assert.Equal([.. copied.Concat(["config.json", "model.safetensors"]).Order(StringComparer.Ordinal)], Directory.EnumerateFiles(folder.File("made")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_model_trained_whole_keeps_the_files_of_its_tokenizer()
    {
        TinyModel.Copy(folder.File("model"));
        var file = folder.File("model", "tokenizer_config.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("{", "{\"model_max_length\":   8192,", StringComparison.Ordinal));
        File.WriteAllText(folder.File("model", "merges.txt"), "#version: 0.2\n");
        Done([.. TinyModel.TrainLine(folder, "train.steps=1", "evaluate.samples=0", "method=full", "adapter=null", $"model={folder.File("model")}"), "--name", "full"]);
        foreach (var kept in new[] { "tokenizer.json", "tokenizer_config.json", "merges.txt" })
            Assert.Equal(File.ReadAllText(folder.File("model", kept)), File.ReadAllText(folder.File("out", "full", "model", kept)));
    }

    [Theory, InlineData("tokenizer.model"), InlineData("vocab.json")]
    public void A_tokenizer_without_tokenizer_json_goes_with_its_model(string vocabulary)
    {
        TinyModel.Copy(folder.File("model"));
        File.Move(folder.File("model", "tokenizer.json"), folder.File("model", vocabulary));
        Assert.Contains(" and the tokenizer", Done("convert", folder.File("model"), folder.File("made")), StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(folder.File("model", vocabulary)), File.ReadAllBytes(folder.File("made", vocabulary)));
        Assert.False(File.Exists(folder.File("made", "tokenizer.json")));
    }

    [Theory]
    [InlineData(true, "q_proj")]
    [InlineData(false, "embed_tokens")]
    [InlineData(false, "lm_head")]
    [InlineData(false, "embed_tokens", "lm_head")]
    [InlineData(false, "q_proj", "+embed_tokens")]
    [InlineData(false, "q_proj", "+lm_head")]
    [InlineData(false, "q_proj", "+embed_tokens", "+lm_head")]
    public void A_tie_that_a_merge_ends_is_ended_in_the_config_too(bool staysTied, params string[] places)
    {
        using var adapted = Adapter(TinyModel.Folder, places);
        Done(MergeLine(TinyModel.Folder));
        Assert.Equal(staysTied, (bool)Config(folder.File("made"))["tie_word_embeddings"]!);
        using (var written = Checkpoint.Open(folder.File("made"))) Assert.Equal(!staysTied, written.Tensors.ContainsKey("lm_head.weight"));
        using var model = Pretrained.Load(folder.File("made"));
        Closeness.Check("logits", model.Logits(RandomLlama.Batch), adapted, 1e-5);
    }

    [Fact]
    public void A_head_of_its_own_beside_a_tied_config_is_converted_as_untied()
    {
        TinyModel.Copy(folder.File("model"));
        using (var origin = Checkpoint.Open(TinyModel.Folder))
            Safetensors.Write(folder.File("model", "model.safetensors"), origin.Tensors.Keys.Select(k => (k, origin.Read(k))).Append(("lm_head.weight", origin.Read("model.embed_tokens.weight") + 1)));
        Done("convert", folder.File("model"), folder.File("made"), "--dtype", "fp32");
        Assert.False((bool)Config(folder.File("made"))["tie_word_embeddings"]!);
    }

    [Theory, InlineData("fp32", 0, 1e-5), InlineData("bf16", 1e-5, 0.1)]
    public void How_far_outputs_moved_is_measured_on_what_was_written_too(string type, double least, double most)
    {
        using var adapted = Adapter(TinyModel.Folder, "q_proj", "down_proj");
        var report = JsonNode.Parse(Done([.. MergeLine(TinyModel.Folder), "--dtype", type, "--json"]))!;
        Assert.InRange((double)report["largest_relative_difference"]!, 0, 1e-5);
        Assert.Equal(1e-5, (double)report["budget"]!);
        Assert.InRange((double)report["largest_relative_difference_as_written"]!, least, most);
        Assert.Equal(type == "bf16" ? "once to bf16, to the nearest, ties to even" : null, (string?)report["rounding"]);
    }

    [Fact]
    public void Weights_that_are_not_finite_are_not_merged()
    {
        TinyModel.Copy(folder.File("model"));
        const string broken = "model.embed_tokens.weight";
        using (var origin = Checkpoint.Open(TinyModel.Folder))
            Safetensors.Write(folder.File("model", "model.safetensors"), origin.Tensors.Keys.Select(k =>
            {
                var value = origin.Read(k).clone();
                if (k == broken) value[0, 3] = float.NaN;
                return (k, value);
            }));
        Adapter(folder.File("model"), "q_proj").Dispose();
        var (code, _, error) = Tool.Run(MergeLine(folder.File("model")));
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains($"holds numbers that are not finite:\n  {broken}: 1 of", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("made")));
    }

    public void Dispose() => folder.Dispose();

    // Saves a LoRA adapter that does something; places with a plus are trained whole. Returns the logits with it.
    private Tensor Adapter(string path, params string[] places)
    {
        using var model = Pretrained.Load(path);
        var whole = places.Where(p => p[0] == '+').Select(p => p[1..]).ToList();
        var set = new LoraConfig { Rank = 2, TargetModules = new Targets([.. places.Where(p => p[0] != '+')]), ModulesToSave = whole.Count == 0 ? null : whole }.AttachTo(model);
        RandomLlama.Disturb(set);
        set.Save(folder.File("adapter"));
        return model.Logits(RandomLlama.Batch);
    }

    private string[] MergeLine(string model) => ["merge", "--model", model, "--adapter", folder.File("adapter"), "--out", folder.File("made")];

    private static JsonObject Config(string folder) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();

    private static string Done(params string[] line)
    {
        var (code, output, error) = Tool.Run(line);
        Assert.True(code == ExitCode.Done, error);
        return output;
    }
}
