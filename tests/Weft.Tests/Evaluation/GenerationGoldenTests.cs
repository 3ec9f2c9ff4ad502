using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Data;
using Weft.Evaluation;
using Weft.Models;
using Weft.Nn;

namespace Weft.Tests.Evaluation;

/// <summary>Answers equal the reference's, id by id: its first choice leads by more than rounding in every step. Logits: 1e-4 of the largest value, across many cached steps.</summary>
public sealed class GenerationGoldenTests
{
    public static TheoryData<string> Cases => Models.LlamaGoldenTests.Cases;

    [Theory, MemberData(nameof(Cases))]
    public void Left_padded_batches_of_tiny_models_give_the_reference_ids(string name)
    {
        var folder = SharedData.Path("golden", "models", name);
        using var model = Pretrained.Load(Path.Combine(folder, "model"));
        using var inputs = Checkpoint.Open(Path.Combine(folder, "inputs.safetensors"));
        using var outputs = Checkpoint.Open(Path.Combine(folder, "outputs.safetensors"));
        var prompts = Prompts(Rows(inputs.Read("left.input_ids")), Rows(inputs.Read("left.attention_mask")));
        var expected = Rows(outputs.Read("generate.ids"));
        Assert.Equal(expected, Run(model, prompts, new GenerationOptions { MaxNewTokens = 12 }).Select(a => a.Ids.ToArray()));
        if (!outputs.Tensors.ContainsKey("generate_eos.ids")) return;
        var end = (int)outputs.Read("generate_eos.eos").item<long>();
        var ended = Run(model, prompts, new GenerationOptions { MaxNewTokens = 12, StopTokens = [end] });
        Assert.Equal(Rows(outputs.Read("generate_eos.ids")), ended.Select(a => (int[])[.. a.Ids, .. Enumerable.Repeat(0, 12 - a.Ids.Count)]));
        Assert.Contains(ended, a => a.Finish == FinishReason.StopToken);
    }

    [Fact]
    public void Greedy_answers_of_the_real_model_equal_the_reference()
    {
        using var model = Stories();
        var decode = Decoder();
        foreach (var row in Golden("greedy.json")["rows"]!.AsArray())
        {
            var prompt = Ids(row!["prompt_ids"]);
            var answer = Run(model, [prompt], new GenerationOptions { MaxNewTokens = 60, StopTokens = [2], Decode = decode })[0];
            Assert.Equal(Ids(row["new_ids"]), answer.Ids);
            Assert.Equal((string)row["text"]!, (string)row["prompt"]! + answer.Text);
        }
    }

    [Fact]
    public void Left_padded_batches_of_the_real_model_equal_the_reference_and_its_logits()
    {
        using var model = Stories();
        using var tensors = Checkpoint.Open(SharedData.Path("golden", "text", "generation", "left_padded.safetensors"));
        var batches = Golden("left_padded.json")["batches"]!.AsArray();
        for (var b = 0; b < batches.Count; b++)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var prompts = Prompts([.. batches[b]!["input_ids"]!.AsArray().Select(Ids)], [.. batches[b]!["attention_mask"]!.AsArray().Select(Ids)]);
            var expected = batches[b]!["new_ids"]!.AsArray().Select(Ids).ToList();
            Assert.Equal(expected, Run(model, prompts, new GenerationOptions { MaxNewTokens = 24 }).Select(a => a.Ids.ToArray()));
            var width = prompts.Max(p => p.Length);
            var all = tensor(Rectangle([.. prompts.Select((p, i) => (int[])[.. Enumerable.Repeat(0, width - p.Length), .. p, .. expected[i][..^1]])]));
            var mask = tensor(Rectangle([.. prompts.Select(p => (int[])[.. Enumerable.Repeat(0, width - p.Length), .. Enumerable.Repeat(1, p.Length + 23)])]));
            var logits = model.Logits(new TokenInput(all, mask, (mask.cumsum(1) - 1).clamp_min(0)));
            Closeness.Check($"{b}.first_logits", logits.select(1, width - 1), tensors.Read($"{b}.first_logits"), 1e-4);
            Closeness.Check($"{b}.last_logits", logits.select(1, width + 22), tensors.Read($"{b}.last_logits"), 1e-4);
        }
    }

    [Fact]
    public void Answers_end_where_the_reference_ends_them()
    {
        using var model = Stories();
        var tokenizer = Tokenizer.Load(SharedData.Path("golden", "text", "tokenizers", "stories260K", "tokenizer.json"));
        var compared = 0;
        foreach (var row in Golden("stopping.json")["rows"]!.AsArray().Select(r => r!.AsObject()))
        {
            var prompt = Ids(row["prompt_ids"]);
            var expected = Ids(row["new_ids"]);
            var given = row["options"] as JsonObject ?? [];
            if (given.Any(o => o.Key is not ("max_length" or "max_new_tokens" or "repetition_penalty"))) continue;
            var options = new GenerationOptions
            {
                MaxNewTokens = (int?)given["max_new_tokens"] ?? ((int?)given["max_length"] - prompt.Length) ?? (row.ContainsKey("stop_strings") ? 40 : 300),
                StopStrings = [.. (row["stop_strings"] as JsonArray ?? []).Select(s => (string)s!)],
                StopTokens = row["eos_ids"] is { } ends ? Ids(ends) : [2],
                Sampling = new Sampling { RepetitionPenalty = (double?)given["repetition_penalty"] },
                Decode = ids => tokenizer.Decode(ids),
            };
            var answer = Run(model, [prompt], options)[0];
            Assert.Equal(expected, answer.Ids);
            Assert.DoesNotContain(options.StopStrings, s => answer.Text.Contains(s, StringComparison.Ordinal));
            compared++;
        }
        Assert.Equal(15, compared);
    }

    [Fact]
    public void The_real_model_tells_its_story()
    {
        using var model = Stories();
        var golden = JsonNode.Parse(File.ReadAllText(SharedData.Path("assets", "stories260K", "golden", "golden.json")))!["greedy"]!;
        using var tensors = Checkpoint.Open(SharedData.Path("assets", "stories260K", "golden", "golden.safetensors"));
        var expected = tensors.Read("greedy.ids").data<long>().Select(id => (int)id).ToArray();
        var prompt = Ids(golden["prompt_ids"]);
        var answer = Run(model, [prompt], new GenerationOptions { MaxNewTokens = 256, Decode = Decoder() })[0];
        Assert.Equal(expected[^256..], answer.Ids);
        Assert.Equal((string)golden["text"]!, answer.Text.TrimStart(' '));
    }

    private static IReadOnlyList<Generated> Run(CausalModel model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options) =>
        Generation.Run(model, prompts, options, TestContext.Current.CancellationToken);

    [Fact]
    public void A_real_chat_model_answers_left_padded_prompts_as_the_reference_does()
    {
        var folder = SharedData.Path("golden", "smollm2", "generate");
        using var model = Pretrained.Load(SharedData.Path("assets", "smollm2-135m", "model.gguf"));
        using var inputs = Checkpoint.Open(Path.Combine(folder, "inputs.safetensors"));
        using var outputs = Checkpoint.Open(Path.Combine(folder, "outputs.safetensors"));
        var padded = inputs.Tensors.Keys.Single(k => k.EndsWith("input_ids", StringComparison.Ordinal));
        var prompts = Prompts(Rows(inputs.Read(padded)), Rows(inputs.Read(padded.Replace("input_ids", "attention_mask", StringComparison.Ordinal))));
        var answers = Run(model, prompts, new GenerationOptions { MaxNewTokens = 32, StopTokens = [2] });
        Assert.Equal(Rows(outputs.Read("generate.ids")), answers.Select(a => (int[])[.. a.Ids, .. Enumerable.Repeat(2, 32 - a.Ids.Count)]));
    }

    private static CausalModel Stories() => Pretrained.Load(SharedData.Path("assets", "stories260K", "hf"));

    private static Func<IReadOnlyList<int>, string> Decoder()
    {
        var tokenizer = Tokenizer.Load(SharedData.Path("golden", "text", "tokenizers", "stories260K", "tokenizer.json"));
        return ids => tokenizer.Decode(ids);
    }

    private static JsonNode Golden(string file) => JsonNode.Parse(File.ReadAllText(SharedData.Path("golden", "text", "generation", file)))!;

    private static int[] Ids(JsonNode? node) => [.. node!.AsArray().Select(n => (int)n!)];

    private static List<int[]> Rows(Tensor ids) => [.. Enumerable.Range(0, (int)ids.shape[0]).Select(i => ids[i].data<long>().Select(id => (int)id).ToArray())];

    private static List<int[]> Prompts(List<int[]> ids, List<int[]> masks) => [.. ids.Select((row, i) => row.Where((_, t) => masks[i][t] == 1).ToArray())];

    private static long[,] Rectangle(List<int[]> rows)
    {
        var filled = new long[rows.Count, rows[0].Length];
        for (var i = 0; i < rows.Count; i++)
            for (var t = 0; t < rows[i].Length; t++)
                filled[i, t] = rows[i][t];
        return filled;
    }
}
