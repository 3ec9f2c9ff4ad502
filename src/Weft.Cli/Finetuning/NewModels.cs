using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Cli.Runs;
using Weft.Data;
using Weft.Models;
using Weft.Nn;

namespace Weft.Cli.Finetuning;

/// <summary>Makes a model and a tokenizer from nothing but a description and a text.</summary>
internal static class NewModels
{
    private const string EndToken = "<|endoftext|>";

    /// <summary>The model, with random weights from torch's generator, and its tokenizer.</summary>
    /// <exception cref="UsageException">The description lacks a part, or the method does not train every weight.</exception>
    public static (CausalModel Model, Tokenizer Tokenizer) Make(RunFile run, NewModel described)
    {
        var problems = new List<string>();
        if (!MethodOptions.TrainsEverything(run)) problems.Add($"method is {run.Method}; a model with random weights is trained whole: method=full, adapter=null.");
        if (described.Config is null) problems.Add("model.config is not given: the path of a config.json, or its keys.");
        if (described.Tokenizer is null) problems.Add("model.tokenizer is not given: a folder with tokenizer.json, or { vocabulary_size: 2048 }.");
        if (problems.Count > 0) throw new UsageException($"The new model cannot be made:\n{string.Join('\n', problems.Select(p => $"  {p}"))}");
        var tokenizer = described.Tokenizer is string path ? Tokenizer.Load(path) : Train(run, (NewTokenizer)described.Tokenizer!);
        var config = described.Config is string file ? JsonFile.Read(file).Value : (JsonObject)((JsonObject)described.Config!).DeepClone();
        config["vocab_size"] = tokenizer.VocabularySize;
        config["bos_token_id"] = tokenizer.BosId ?? tokenizer.EosId;
        config["eos_token_id"] = tokenizer.EosId;
        config["architectures"] ??= new JsonArray("LlamaForCausalLM");
        return (Architectures.Create(config, Weights.Random(described.Deviation), ""), tokenizer);
    }

    private static Tokenizer Train(RunFile run, NewTokenizer described)
    {
        var (texts, _) = Dataset.Texts(run.Data.Options(run.Train.Options.Seed));
        return BpeTrainer.Train(texts.Select(t => t.Prompt + t.Completion), described.VocabularySize, [EndToken], described.IndividualDigits);
    }
}
