using System.Text.Json;
using Weft.Data;

namespace Weft.Tests.Data;

/// <summary>Tokenizers against the rows that the tokenizers and sentencepiece libraries wrote; everything exact.</summary>
public sealed class TokenizerGoldenTests
{
    public static TheoryData<string> HuggingFace => ["gpt2", "phi3_llama_style", "smollm2"];

    [Theory, MemberData(nameof(HuggingFace))]
    public void Encodings_are_those_of_the_tokenizers_library(string name)
    {
        var tokenizer = GoldenRows.Tokenizer(name);
        var rows = GoldenRows.Read("tokenizers", name, "encodings.jsonl.gz");
        Assert.Equal(684, rows.Count);
        foreach (var row in rows)
        {
            var text = row.Text("text");
            var bare = tokenizer.EncodeWithOffsets(text, addSpecialTokens: false);
            Assert.Equal(row.Ints("ids"), bare.Ids);
            Assert.Equal(row.Ints("ids"), tokenizer.Encode(text, addSpecialTokens: false));
            Assert.Equal(row.GetProperty("tokens").EnumerateArray().Select(t => t.GetString()!), bare.Tokens);
            Assert.Equal(row.Spans("offsets"), bare.Offsets);
            Assert.Equal(row.GetProperty("words").EnumerateArray().Select(w => w.ValueKind == JsonValueKind.Null ? (int?)null : w.GetInt32()), bare.Words);
            var full = tokenizer.EncodeWithOffsets(text);
            Assert.Equal(row.Ints("full_ids"), full.Ids);
            Assert.Equal(row.Ints("full_ids"), tokenizer.Encode(text));
            Assert.Equal(row.Spans("full_offsets"), full.Offsets);
            Assert.Equal(row.Ints("full_special"), full.SpecialTokens);
            Assert.Equal(row.Ints(row.Has("literal_ids") ? "literal_ids" : "ids"), tokenizer.Encode(text, addSpecialTokens: false, parseSpecialTokens: false));
            Assert.Equal(row.Text("decoded"), tokenizer.Decode(row.Ints("full_ids"), skipSpecialTokens: false));
            Assert.Equal(row.Text("decoded_skip"), tokenizer.Decode(row.Ints("full_ids")));
        }
    }

    [Theory, MemberData(nameof(HuggingFace))]
    public void Pairs_are_those_of_the_tokenizers_library(string name)
    {
        var tokenizer = GoldenRows.Tokenizer(name);
        foreach (var row in GoldenRows.Read("tokenizers", name, "pairs.jsonl.gz"))
        {
            var pair = tokenizer.EncodeWithOffsets(row.Text("a"), row.Text("b"));
            Assert.Equal(row.Ints("ids"), pair.Ids);
            Assert.Equal(row.Ints("type_ids"), pair.TypeIds);
            Assert.Equal(row.Spans("offsets"), pair.Offsets);
            Assert.Equal(row.Ints("special"), pair.SpecialTokens);
            Assert.Equal(row.GetProperty("sequences").EnumerateArray().Select(s => s.ValueKind == JsonValueKind.Null ? (int?)null : s.GetInt32()), pair.Sequences);
        }
    }

    [Theory, MemberData(nameof(HuggingFace))]
    public void Truncation_cuts_as_the_tokenizers_library_does_or_is_refused_as_there(string name)
    {
        var tokenizer = GoldenRows.Tokenizer(name);
        var refused = 0;
        foreach (var row in GoldenRows.Read("tokenizers", name, "truncation.jsonl.gz"))
        {
            var truncation = new Truncation(row.GetProperty("max_length").GetInt32(), row.GetProperty("stride").GetInt32(), row.Text("strategy") switch
            {
                "only_first" => TruncationStrategy.OnlyFirst,
                "only_second" => TruncationStrategy.OnlySecond,
                _ => TruncationStrategy.LongestFirst,
            }, row.Text("direction") == "left");
            Encoding Cut() => tokenizer.EncodeWithOffsets(row.Text("a"), row.Has("b") ? row.Text("b") : null, truncation: truncation);
            if (row.Has("error"))
            {
                Assert.Throws<ArgumentException>(Cut);
                refused++;
                continue;
            }
            var cut = Cut();
            Assert.Equal(row.Ints("ids"), cut.Ids);
            Assert.Equal(row.Ints("type_ids"), cut.TypeIds);
            Assert.Equal(row.Spans("offsets"), cut.Offsets);
            Assert.Equal(row.GetProperty("overflowing").EnumerateArray().Select(o => o.EnumerateArray().Select(i => i.GetInt32()).ToArray()), cut.Overflowing.Select(o => o.Ids.ToArray()));
        }
        Assert.InRange(refused, 20, 22);
    }

    [Theory, MemberData(nameof(HuggingFace))]
    public void Padding_is_that_of_the_tokenizers_library(string name)
    {
        var tokenizer = GoldenRows.Tokenizer(name);
        foreach (var row in GoldenRows.Read("tokenizers", name, "padding.jsonl.gz"))
        {
            int? Number(string key) => row.Has(key) ? row.GetProperty(key).GetInt32() : null;
            var batch = row.GetProperty("texts").EnumerateArray().Select(t => tokenizer.EncodeWithOffsets(t.GetString()!)).ToList();
            var padded = Encoding.Pad(batch, Number("pad_id")!.Value, row.Text("pad_token"), Number("length"), row.Text("direction") == "left", Number("pad_to_multiple_of"), Number("pad_type_id")!.Value);
            for (var i = 0; i < padded.Count; i++)
            {
                Assert.Equal(row.GetProperty("ids")[i].EnumerateArray().Select(n => n.GetInt32()), padded[i].Ids);
                Assert.Equal(row.GetProperty("attention_mask")[i].EnumerateArray().Select(n => n.GetInt32()), padded[i].AttentionMask);
                Assert.Equal(row.GetProperty("type_ids")[i].EnumerateArray().Select(n => n.GetInt32()), padded[i].TypeIds);
            }
        }
    }

    [Fact]
    public void The_stories_tokenizer_gives_sentencepieces_ids()
    {
        var tokenizer = GoldenRows.Tokenizer("stories260K");
        foreach (var row in GoldenRows.Read("tokenizers", "stories260K", "encodings.jsonl.gz"))
        {
            var bare = tokenizer.EncodeWithOffsets(row.Text("text"), addSpecialTokens: false, parseSpecialTokens: false);
            Assert.Equal(row.Ints("ids"), bare.Ids);
            Assert.Equal(row.GetProperty("tokens").EnumerateArray().Select(t => t.GetString()!), bare.Tokens);
            Assert.Equal(row.Ints("full_ids"), tokenizer.Encode(row.Text("text"), parseSpecialTokens: false).Append(2));
            Assert.Equal(row.Text("decoded"), tokenizer.Decode(row.Ints("ids")));
        }
    }

    [Fact]
    public void The_stories_tokenizer_json_gives_the_tokenizers_librarys_ids_and_offsets()
    {
        var tokenizer = GoldenRows.Tokenizer("stories260K");
        foreach (var row in GoldenRows.Read("tokenizers", "stories260K", "tokenizer_json.jsonl.gz"))
        {
            var bare = tokenizer.EncodeWithOffsets(row.Text("text"), addSpecialTokens: false);
            Assert.Equal(row.Ints("ids"), bare.Ids);
            Assert.Equal(row.Spans("offsets"), bare.Offsets);
            Assert.Equal(row.Text("decoded"), tokenizer.Decode(row.Ints("ids")));
        }
    }
}
