using System.Text.Json.Nodes;
using Weft.Cli;
using Weft.Data;
using Weft.Models;
using Weft.Nn;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>A random LLaMA with a tokenizer of its own, written as a folder once for all tests, and rows it can be trained on.</summary>
internal static class TinyModel
{
    private static readonly Lazy<string> folder = new(Make);

    /// <summary>The folder.</summary>
    public static string Folder => folder.Value;

    /// <summary>A copy of the folder, to change.</summary>
    public static string Copy(string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(Folder)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        return to;
    }

    /// <summary>Writes rows of prompt and completion.</summary>
    public static string Rows(string path, int count, int first = 0)
    {
        File.WriteAllLines(path, Enumerable.Range(first, count).Select(i => $$"""{"prompt": "number {{i}} is", "completion": " {{(i % 2 == 0 ? "even" : "odd")}}"}"""));
        return path;
    }

    /// <summary>A line that trains on 32 rows and is judged by 8 others, into <c>out</c> of a folder.</summary>
    public static string[] TrainLine(TemporaryFolder folder, params string[] settings)
    {
        Rows(folder.File("rows.jsonl"), 32);
        Rows(folder.File("held.jsonl"), 8, first: 100);
        return ["train", "--model", Folder, "--data", folder.File("rows.jsonl"), $"data.heldout={folder.File("held.jsonl")}", $"output={folder.File("out")}", "adapter.rank=4", "train.batch_size=4", .. settings];
    }

    private static string Make()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("weft-tiny-").FullName, "tiny");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
        var tokenizer = BpeTrainer.Train(Enumerable.Range(0, 50).Select(i => $"number {i} is even or odd"), 300, ["<|endoftext|>"]);
        var config = (JsonObject)JsonNode.Parse("""
            {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
             "num_key_value_heads": 1, "max_position_embeddings": 64, "tie_word_embeddings": true}
            """)!;
        config["vocab_size"] = tokenizer.VocabularySize;
        (config["bos_token_id"], config["eos_token_id"]) = (tokenizer.EosId, tokenizer.EosId);
        random.manual_seed(3);
        using var model = Architectures.Create(config, Weights.Random(0.2), "");
        ModelFolder.Write(path, model, SideFiles.Of(tokenizer), ScalarType.Float32);
        return path;
    }
}
