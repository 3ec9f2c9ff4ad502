using System.Text.Json.Nodes;
using Weft.Data;

namespace Weft.Tests.Data;

public sealed class ExamplesTests
{
    private readonly Tokenizer tokenizer = BpeTrainer.Train(["Review: a good film\nSentiment: positive", "Review: a bad film\nSentiment: negative"], 300, ["<|end|>", "<|im_start|>", "<|im_end|>"], chatTemplate: "chatml");

    [Fact]
    public void Formats_labels_and_trimming_write_prompt_and_completion()
    {
        var options = new DataOptions { Prompt = "{{Review}}: {sentence}\n", Completion = "{label}", Labels = new Dictionary<string, string> { ["0"] = " negative" }, Trim = true };
        var text = RowText.Of([Row("""{"sentence":"  so {dull} ","label":0}""")], options, "rows").Single();
        Assert.Equal(("{Review}: so {dull}\n", " negative"), (text.Prompt, text.Completion));
    }

    [Theory]
    [InlineData("""{"a":1}""", "rows: row 3 (line 4) has a; a row needs prompt and completion, or text, or instruction and output, or messages. Name them with columns, or write prompt and completion as formats.")]
    [InlineData("""{"messages":[]}""", "rows:\n  row 3 (line 4): messages holds no turn; the row has messages")]
    [InlineData("""{"messages":1}""", "rows:\n  row 3 (line 4): messages is no list of turns; the row has messages")]
    [InlineData("""{"messages":[{"role":"user"}]}""", "rows:\n  row 3 (line 4): messages[0] is {\"role\":\"user\"}, without a role and a content that are text")]
    [InlineData("""{"messages":[{"role":"user","content":"a"}]}""", "rows:\n  row 3 (line 4): no turn is the assistant's, so there is nothing to learn; the roles are user")]
    [InlineData("""{"prompt":[1],"completion":"x"}""", "rows:\n  row 3 (line 4): prompt is no text")]
    public void Rows_without_their_fields_are_refused_with_what_they_have(string json, string message) =>
        Assert.Equal(message, Assert.Throws<InvalidDataException>(() => RowText.Of([Row(json)], new(), "rows")).Message);

    [Fact]
    public void Every_row_that_lacks_a_field_is_named()
    {
        var error = Assert.Throws<InvalidDataException>(() => RowText.Of([Row("""{"prompt":"a","completion":"b"}"""), Row("""{"prompt":"a"}"""), Row("""{"text":"a"}""")], new(), "rows"));
        Assert.Equal("rows:\n  row 3 (line 4) has no completion; it has prompt\n  row 3 (line 4) has no prompt; it has text\n  row 3 (line 4) has no completion; it has text", error.Message);
        error = Assert.Throws<InvalidDataException>(() => RowText.Of([Row("""{"s":"a","l":"2"}""")], new() { Prompt = "{s}", Completion = "{l}", Labels = new Dictionary<string, string> { ["0"] = "no", ["1"] = "yes" } }, "rows"));
        Assert.Equal("rows:\n  row 3 (line 4): l is \"2\", which labels do not list; they list \"0\", \"1\"", error.Message);
        error = Assert.Throws<InvalidDataException>(() => RowText.Of([Row("""{"s":"a"}""")], new() { Columns = new Dictionary<string, string> { ["text"] = "sentence" }, Kind = RowKind.Text }, "rows"));
        Assert.StartsWith("rows:\n  row 3 (line 4) has no column \"sentence\" for text; it has s", error.Message);
    }

    [Fact]
    public void An_example_shows_what_is_supervised()
    {
        var (examples, _) = Of(new(), """{"prompt":"Review: é\n","completion":"good 😀"}""");
        Assert.Equal([("Review: é\n", false), ("good 😀<|end|>", true)], examples[0].Show(tokenizer));
        (examples, _) = Of(new() { Kind = RowKind.Text }, """{"text":"good film"}""");
        Assert.Equal("good film<|end|>", string.Concat(examples[0].Show(tokenizer).Select(s => s.Text)));
        Assert.Equal(Example.Unsupervised, examples[0].Labels[0]);
    }

    [Fact]
    public void Special_tokens_count_in_a_format_and_are_text_in_a_row()
    {
        var options = new DataOptions { Prompt = "<|im_start|>é {prompt}<|im_end|>", Completion = "{completion}<|end|>" };
        var (examples, _) = Of(options, """{"prompt":"a <|im_end|> 😀","completion":"good <|end|>"}""");
        var example = examples[0];
        Assert.Equal([("<|im_start|>é a <|im_end|> 😀<|im_end|>", false), ("good <|end|><|end|>", true)], example.Show(tokenizer));
        Assert.Equal((1, 1, 1), (Times("<|im_start|>"), Times("<|im_end|>"), Times("<|end|>")));
        var prompt = example.EncodePrompt(tokenizer)!;
        Assert.Equal(example.Ids[..prompt.Length], prompt);
        Assert.Equal(example.Labels.TakeWhile(l => l == Example.Unsupervised).Count(), prompt.Length);

        int Times(string token) => example.Ids.Count(i => i == tokenizer.IdOf(token));
    }

    [Fact]
    public void A_prompt_has_what_begins_a_text_and_not_what_ends_it()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        tokenizer.Save(folder);
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer.json")))!;
        json["post_processor"] = JsonNode.Parse("""
            {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|end|>", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [1], "tokens": ["<|im_start|>"]}, "<|end|>": {"id": "<|end|>", "ids": [0], "tokens": ["<|end|>"]}}}
            """);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json.ToJsonString());
        var around = Tokenizer.Load(folder);
        Directory.Delete(folder, recursive: true);
        Assert.Equal((1, 0), (around.Encode("a")[0], around.Encode("a")[^1]));
        var (examples, _) = Examples.Of(RowText.Of([Row("""{"prompt":"a film","completion":" good"}""")], new(), "rows"), around, new(), 128, "rows");
        foreach (var prompt in new[] { around.EncodePrompt("a film"), examples[0].EncodePrompt(around)! }) Assert.Equal(examples[0].Ids[..prompt.Length], prompt);
        Assert.DoesNotContain(0, around.EncodePrompt("a film<|end|>"));
        Assert.Equal(0, around.EncodePrompt("a film<|end|>", parseSpecialTokens: true)[^1]);
    }

    [Fact]
    public void Of_a_conversation_only_the_assistants_turns_are_supervised()
    {
        var (examples, _) = Of(new(), """{"messages":[{"role":"user","content":"a <|im_end|> film?"},{"role":"assistant","content":"good"},{"role":"user","content":"more"},{"role":"assistant","content":"bad"}]}""");
        var supervised = examples[0].Show(tokenizer).Where(s => s.Supervised).Select(s => s.Text);
        Assert.Equal(["good<|im_end|>", "bad<|im_end|>"], supervised);
        Assert.Equal(4, examples[0].Ids.Count(i => i == tokenizer.IdOf("<|im_end|>"))); // what the user wrote stays text
    }

    [Fact]
    public void Long_rows_are_refused_cut_or_dropped_as_asked_and_counted()
    {
        var bytes = BpeTrainer.Train(["x"], 257, ["<|end|>"]);
        (IReadOnlyList<Example> Examples, TruncationReport Report) Of(DataOptions options, string[] rows) =>
            Examples.Of(RowText.Of([.. rows.Select((r, i) => Row(r) with { Number = i })], options, "rows"), bytes, options, 64, "rows");
        string[] rows = ["""{"prompt":"ab","completion":"cdefgh"}""", """{"prompt":"abcdefghij","completion":"k"}""", """{"prompt":"a","completion":"b"}"""];
        var error = Assert.Throws<InvalidDataException>(() => Of(new() { MaxTokens = 5 }, rows));
        Assert.Equal("rows:\n  2 rows are longer than 5 tokens: 0 (9 tokens), 1 (12 tokens). Set long_rows to cut, or raise max_tokens (the model sees 64)", error.Message);
        error = Assert.Throws<InvalidDataException>(() => Of(new() { MaxTokens = 5, LongRows = LongRows.Cut }, rows));
        Assert.Equal("rows:\n  of 1 row nothing supervised is left after the cut to 5 tokens: 1 (12 tokens). Set long_rows to cut_or_drop, or raise max_tokens (the model sees 64)", error.Message);
        var (examples, report) = Of(new() { MaxTokens = 5, LongRows = LongRows.CutOrDrop }, rows);
        Assert.Equal([0L, 2L], examples.Select(e => e.Row));
        Assert.Equal("Of 3 rows 1 were cut to 5 tokens and 1 dropped because nothing supervised was left of them; 16 tokens are lost, the longest row had 12.", report.ToString());
        Assert.Equal("No row was cut: the longest of 3 has 12 tokens, 64 are allowed.", Of(new(), rows).Report.ToString());
        Assert.StartsWith("max_tokens is 65; it must be from 2 to 64", Assert.Throws<ArgumentException>(() => Of(new() { MaxTokens = 65 }, rows)).Message);
    }

    [Fact]
    public void A_row_that_supervises_nothing_is_refused()
    {
        var error = Assert.Throws<InvalidDataException>(() => Of(new() { EndToken = false }, """{"prompt":"ab","completion":""}"""));
        Assert.Equal("rows:\n  1 row supervises nothing (no completion, and no end token): 0 (2 tokens)", error.Message);
    }

    [Fact]
    public void A_missing_end_token_or_chat_template_is_refused()
    {
        var bare = BpeTrainer.Train(["a"], 256, []);
        var prompt = RowText.Of([Row("""{"prompt":"a","completion":"b"}""")], new(), "rows");
        Assert.Equal("The tokenizer has no end token to put behind a row. Give it one (eos_token in tokenizer_config.json), or set end_token to false.", Assert.Throws<InvalidOperationException>(() => Examples.Of(prompt, bare, new(), 64, "rows")).Message);
        var chat = RowText.Of([Row("""{"messages":[{"role":"assistant","content":"a"}]}""")], new(), "rows");
        Assert.Equal("The rows are conversations, but the tokenizer has no chat template. Name one: chat_template: chatml.", Assert.Throws<InvalidOperationException>(() => Examples.Of(chat, bare, new(), 64, "rows")).Message);
    }

    private (IReadOnlyList<Example> Examples, TruncationReport Report) Of(DataOptions options, params string[] rows) =>
        Examples.Of(RowText.Of([.. rows.Select((r, i) => Row(r) with { Number = i })], options, "rows"), tokenizer, options, 128, "rows");

    private static DataRow Row(string json) => new(3, 4, JsonNode.Parse(json)!.AsObject().ToDictionary(f => f.Key, f => f.Value));
}
