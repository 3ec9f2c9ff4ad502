using System.Text.Json;
using Weft.Checkpoints;
using Weft.Data;

namespace Weft.Tests.Data;

/// <summary>A tokenizer from GGUF metadata says the same as the tokenizer.json of its model.</summary>
public sealed class GgufTokenizerTests
{
    [Fact]
    public void The_smollm_metadata_give_the_ids_of_its_tokenizer_json()
    {
        var json = JsonDocument.Parse(File.ReadAllBytes(SharedData.Path(GoldenRows.TokenizerFiles["smollm2"]))).RootElement;
        var tokens = Tokens(json);
        var special = json.GetProperty("added_tokens").EnumerateArray().Select(t => t.GetProperty("id").GetInt32()).ToHashSet();
        var tokenizer = Tokenizer.FromGguf(new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "gpt2",
            ["tokenizer.ggml.pre"] = "smollm",
            ["tokenizer.ggml.tokens"] = tokens.Cast<object>().ToArray(),
            ["tokenizer.ggml.token_type"] = tokens.Select((_, i) => special.Contains(i) ? 3 : 1).ToArray(),
            ["tokenizer.ggml.merges"] = json.GetProperty("model").GetProperty("merges").EnumerateArray().Select(m => $"{m[0].GetString()} {m[1].GetString()}").ToList(),
            ["tokenizer.ggml.bos_token_id"] = 1UL,
            ["tokenizer.ggml.eos_token_id"] = 2UL,
            ["tokenizer.ggml.padding_token_id"] = 2L,
            ["tokenizer.ggml.unknown_token_id"] = 0UL,
            ["tokenizer.ggml.add_bos_token"] = false,
            ["tokenizer.chat_template"] = "template",
        });
        foreach (var row in GoldenRows.Read("tokenizers", "smollm2", "encodings.jsonl.gz"))
        {
            Assert.Equal(row.Ints("full_ids"), tokenizer.Encode(row.Text("text")));
            Assert.Equal(row.Text("decoded_skip"), tokenizer.Decode(row.Ints("full_ids")));
        }
        Assert.Equal((1, 2, 2, 0), (tokenizer.BosId!.Value, tokenizer.EosId!.Value, tokenizer.PadId!.Value, tokenizer.UnkId!.Value));
        Assert.Equal("template", tokenizer.ChatTemplate);
        Assert.Equal(49152, tokenizer.VocabularySize);
    }

    [Fact]
    public void The_smollm2_file_itself_gives_the_ids_and_the_template_of_the_files_beside_it()
    {
        using var file = Gguf.Open(SharedData.Path("assets", "smollm2-135m", "model.gguf"));
        var (tokenizer, beside) = (Tokenizer.FromGguf(file.Metadata), Tokenizer.Load(SharedData.Path("assets", "smollm2-135m")));
        foreach (var row in GoldenRows.Read("tokenizers", "smollm2", "encodings.jsonl.gz"))
        {
            Assert.Equal(row.Ints("full_ids"), tokenizer.Encode(row.Text("text")));
            Assert.Equal(row.Text("decoded"), tokenizer.Decode(row.Ints("full_ids"), skipSpecialTokens: false));
        }
        Assert.Equal((beside.BosId, beside.EosId, beside.PadId, beside.UnkId), (tokenizer.BosId, tokenizer.EosId, tokenizer.PadId, tokenizer.UnkId));
        Assert.Equal(beside.EndIds, tokenizer.EndIds);
        ChatMessage[] messages = [new("user", "hi")];
        Assert.Equal(ChatTemplate.Find(beside.ChatTemplate!).Render(messages, true), ChatTemplate.Find(tokenizer.ChatTemplate!).Render(messages, true));
    }

    [Fact]
    public void A_sentencepiece_vocabulary_with_scores_gives_sentencepieces_ids_and_texts()
    {
        var tokenizer = Tokenizer.FromGguf(Stories());
        foreach (var row in GoldenRows.Read("tokenizers", "stories260K", "encodings.jsonl.gz"))
        {
            Assert.Equal(row.Ints("ids"), tokenizer.Encode(row.Text("text"), addSpecialTokens: false, parseSpecialTokens: false));
            Assert.Equal(row.Text("decoded"), tokenizer.Decode(row.Ints("ids")));
        }
        foreach (var row in GoldenRows.Read("tokenizers", "stories260K", "decode_random.jsonl.gz"))
            Assert.Equal(row.Text("decoded"), tokenizer.Decode(row.Ints("ids")));
    }

    [Fact]
    public void Saved_metadata_read_back_give_the_same_ids()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        var tokenizer = Tokenizer.FromGguf(Stories());
        tokenizer.Save(folder);
        var read = Tokenizer.Load(folder);
        foreach (var row in GoldenRows.Read("tokenizers", "stories260K", "encodings.jsonl.gz"))
            Assert.Equal(tokenizer.Encode(row.Text("text")), read.Encode(row.Text("text")));
        Assert.Equal((1, 2), (read.BosId!.Value, read.EosId!.Value));
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("bert", "smollm", "The GGUF file's tokenizer is of kind \"bert\"; known are gpt2 and llama. Lay the model's tokenizer.json beside the file.")]
    [InlineData("gpt2", "qwen2", "tokenizer.ggml.pre is \"qwen2\"; known are gpt-2, phi-2, smollm, starcoder, refact. Lay the model's tokenizer.json beside the file.")]
    public void An_unknown_kind_is_refused_by_name(string model, string pre, string message)
    {
        var error = Assert.Throws<NotSupportedException>(() => Tokenizer.FromGguf(new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = model,
            ["tokenizer.ggml.pre"] = pre,
            ["tokenizer.ggml.tokens"] = new[] { "a", "b", "ab" },
            ["tokenizer.ggml.merges"] = new[] { "a b" },
        }));
        Assert.Equal(message, error.Message);
    }

    [Fact]
    public void Everything_that_is_wrong_with_the_metadata_is_told_at_once()
    {
        var error = Assert.Throws<InvalidDataException>(() => Tokenizer.FromGguf(new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "gpt2",
            ["tokenizer.ggml.pre"] = "gpt-2",
            ["tokenizer.ggml.tokens"] = new[] { "a", "b", "a" },
            ["tokenizer.ggml.token_type"] = new[] { 1 },
            ["tokenizer.ggml.merges"] = new[] { "ab" },
            ["tokenizer.ggml.eos_token_id"] = 7UL,
        }));
        Assert.Equal("""
            The GGUF metadata describe no usable tokenizer:
              tokenizer.ggml.token_type has 1 entries for 3 tokens
              tokenizer.ggml.tokens: "a" has the ids 0 and 2
              tokenizer.ggml.merges: "ab" is not two tokens of the vocabulary
              tokenizer.ggml.merges is missing or empty
              tokenizer.ggml.eos_token_id is 7, outside the 3 tokens
            """, error.Message);
    }

    [Fact]
    public void An_id_that_says_none_is_none_and_another_one_outside_is_told_as_it_is()
    {
        var metadata = new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "gpt2",
            ["tokenizer.ggml.pre"] = "gpt-2",
            ["tokenizer.ggml.tokens"] = new[] { "a", "b", "ab" },
            ["tokenizer.ggml.merges"] = new[] { "a b" },
            ["tokenizer.ggml.padding_token_id"] = 4294967295UL,
            ["tokenizer.ggml.unknown_token_id"] = -1L,
            ["tokenizer.ggml.eot_token_id"] = 9UL,
        };
        var tokenizer = Tokenizer.FromGguf(metadata);
        Assert.Null(tokenizer.PadId);
        Assert.Null(tokenizer.UnkId);
        Assert.Empty(tokenizer.EndIds);
        metadata["tokenizer.ggml.padding_token_id"] = 4294967290UL;
        Assert.Contains("tokenizer.ggml.padding_token_id is 4294967290, outside the 3 tokens", Assert.Throws<InvalidDataException>(() => Tokenizer.FromGguf(metadata)).Message, StringComparison.Ordinal);
    }

    // The HF file's merges stand in the order of the scores: the later a piece is first made, the lower it scores.
    private static Dictionary<string, object> Stories()
    {
        var json = JsonDocument.Parse(File.ReadAllBytes(SharedData.Path(GoldenRows.TokenizerFiles["stories260K"]))).RootElement;
        var tokens = Tokens(json);
        var scores = new float[tokens.Length];
        var made = new HashSet<string>();
        foreach (var merge in json.GetProperty("model").GetProperty("merges").EnumerateArray())
            if (made.Add(merge[0].GetString() + merge[1].GetString())) scores[Array.IndexOf(tokens, merge[0].GetString() + merge[1].GetString())] = -made.Count;
        return new()
        {
            ["tokenizer.ggml.model"] = "llama",
            ["tokenizer.ggml.tokens"] = tokens,
            ["tokenizer.ggml.scores"] = scores,
            ["tokenizer.ggml.token_type"] = tokens.Select((t, i) => i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1).ToArray(),
            ["tokenizer.ggml.bos_token_id"] = 1UL,
            ["tokenizer.ggml.eos_token_id"] = 2UL,
            ["tokenizer.ggml.unknown_token_id"] = 0UL,
        };
    }

    private static string[] Tokens(JsonElement json)
    {
        var vocab = json.GetProperty("model").GetProperty("vocab").EnumerateObject().ToList();
        var tokens = new string[vocab.Count];
        foreach (var entry in vocab) tokens[entry.Value.GetInt32()] = entry.Name;
        return tokens;
    }
}
