using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Weft.Data;

namespace Weft.Tests.Data;

public sealed class TokenizerTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Byte_level_texts_come_back_whatever_they_hold()
    {
        var tokenizer = Trained();
        Check.QuickThrowOnFailure(Prop.ForAll(Texts(), text =>
        {
            var whole = text.Replace("<|end|>", "", StringComparison.Ordinal);
            var valid = string.Concat(whole.EnumerateRunes()); // lone surrogates become U+FFFD
            Assert.Equal(valid, tokenizer.Decode(tokenizer.Encode(whole)));
            Assert.Equal(valid, tokenizer.Decode(tokenizer.Encode(whole, parseSpecialTokens: false)));
        }));
    }

    [Fact]
    public void Streaming_gives_what_decoding_at_once_gives_and_never_half_a_character()
    {
        var trained = Trained();
        var fallback = Fallback();
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<int[]>(), ids =>
        {
            foreach (var tokenizer in new[] { trained, fallback })
            {
                var known = ids.Select(i => Math.Abs(i % tokenizer.VocabularySize)).ToArray();
                var stream = tokenizer.Stream();
                var parts = known.Select(stream.Append).Append(stream.Flush()).ToList();
                Assert.Equal(tokenizer.Decode(known), string.Concat(parts));
                Assert.All(parts, p => Assert.False(p.Length > 0 && (char.IsHighSurrogate(p[^1]) || char.IsLowSurrogate(p[0]))));
            }
        }));
    }

    [Theory] // "a" between two letters is no word of its own; Rust's \w decides what a letter is
    [InlineData("\u200Da", false)]
    [InlineData("a\u200C", false)]
    [InlineData("aⓑ", false)]
    [InlineData("a🅱", false)]
    [InlineData("a☂", true)]
    [InlineData("-a-", true)]
    public void A_token_that_must_be_a_word_of_its_own_is_found_only_there(string text, bool isFound)
    {
        var tokens = new Weft.Data.Tokenization.AddedTokens([("a", new(1, "a") { SingleWord = true })]);
        Assert.Equal(isFound, tokens.Split(text, (_, _) => true).Any(s => s.Token is not null));
    }

    [Fact]
    public void A_character_is_given_out_when_its_last_byte_arrives()
    {
        var tokenizer = BpeTrainer.Train(["x"], 257, ["<|end|>"]);
        var stream = tokenizer.Stream();
        Assert.Equal(["", "", "", "😀", "!"], tokenizer.Encode("😀!").Select(stream.Append));
        Assert.Equal("", stream.Append(tokenizer.Encode("é")[0]));
        Assert.Equal("\uFFFD", stream.Flush());
    }

    [Fact]
    public void Offsets_cover_the_text_and_ids_equal_those_without_offsets()
    {
        var trained = Trained();
        var fallback = Fallback();
        Check.QuickThrowOnFailure(Prop.ForAll(Texts(), text =>
        {
            var points = text.EnumerateRunes().Count();
            foreach (var tokenizer in new[] { trained, fallback })
            {
                var encoding = tokenizer.EncodeWithOffsets(text);
                Assert.Equal(tokenizer.Encode(text), encoding.Ids);
                Assert.Equal(points, encoding.Offsets.Select(o => o.End).DefaultIfEmpty(0).Max());
                Assert.All(encoding.Offsets.Zip(encoding.Offsets.Skip(1)), p => Assert.True(p.First.Start <= p.Second.Start));
            }
        }));
    }

    [Fact]
    public void Long_words_and_short_ones_are_merged_alike()
    {
        // Byte by byte with the two smallest steps of the rule written out: the lowest rank, leftmost first.
        var tokenizer = Trained();
        var merges = JsonNode.Parse(File.ReadAllText(SaveTo(tokenizer)))!["model"]!["merges"]!.AsArray().Select(m => (m![0]!.ToString(), m[1]!.ToString())).ToList();
        Check.QuickThrowOnFailure(Prop.ForAll(Gen.Elements("the", "cat", "loom", "a", "th", "ea").NonEmptyListOf().Select(l => string.Concat(l)).ToArbitrary(), word =>
        {
            var parts = word.Select(c => c.ToString()).ToList();
            while (Enumerable.Range(0, parts.Count - 1).Select(i => (Rank: merges.IndexOf((parts[i], parts[i + 1])), At: i)).Where(p => p.Rank >= 0).Order().ToList() is [var first, ..])
            {
                parts[first.At] += parts[first.At + 1];
                parts.RemoveAt(first.At + 1);
            }
            Assert.Equal(parts, tokenizer.Encode(word).Select(tokenizer.TokenText));
        }));
    }

    [Fact]
    public void A_saved_tokenizer_read_back_is_the_same()
    {
        var tokenizer = Trained();
        SaveTo(tokenizer);
        var read = Tokenizer.Load(folder);
        Check.QuickThrowOnFailure(Prop.ForAll(Texts(), text => Assert.Equal(tokenizer.Encode(text), read.Encode(text))));
        Assert.Equal((tokenizer.VocabularySize, tokenizer.EosId, tokenizer.PadId, "chatml"), (read.VocabularySize, read.EosId, read.PadId, read.ChatTemplate));
    }

    [Fact]
    public void Roles_come_from_the_files_beside_it()
    {
        SaveTo(Trained());
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"eos_token":{"content":"<|end|>"},"chat_template":[{"name":"tool","template":"x"},{"name":"default","template":"y"}]}""");
        File.Delete(Path.Combine(folder, "chat_template.jinja"));
        File.WriteAllText(Path.Combine(folder, "generation_config.json"), """{"eos_token_id":[0,5],"bos_token_id":3,"pad_token_id":4}""");
        var tokenizer = Tokenizer.Load(folder);
        Assert.Equal((3, 0, 4), (tokenizer.BosId!.Value, tokenizer.EosId!.Value, tokenizer.PadId!.Value));
        Assert.Equal([0, 5], tokenizer.EndIds);
        Assert.Equal("y", tokenizer.ChatTemplate);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"eos_token":"<none>"}""");
        Assert.EndsWith("cannot be used:\n  eos_token \"<none>\" is no token of the vocabulary", Assert.Throws<InvalidDataException>(() => Tokenizer.Load(folder)).Message);
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), "{");
        Assert.Contains("tokenizer_config.json is not valid JSON", Assert.Throws<InvalidDataException>(() => Tokenizer.Load(folder)).Message);
    }

    [Fact]
    public void A_missing_file_says_where_it_was_looked_for() =>
        Assert.Equal($"There is no {folder}/tokenizer.json. A model folder needs the tokenizer.json of its model beside config.json.", Assert.Throws<FileNotFoundException>(() => Tokenizer.Load(folder)).Message);

    [Theory]
    [InlineData("""{"normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"Split"},"post_processor":{"type":"BertProcessing"},"decoder":{"type":"WordPiece"},"model":{"vocab":{"a":0},"merges":[]}}""",
        "normalizer: \"NFKC\" is a normalizer that this engine does not have; it has Prepend, Replace, Sequence", "pre_tokenizer: \"Split\" is a pre-tokenizer that this engine does not have; it has ByteLevel, Digits, Metaspace, Sequence",
        "post_processor: \"BertProcessing\" is a post-processor that this engine does not have; it has ByteLevel, Sequence, TemplateProcessing", "decoder: \"WordPiece\" is a decoder that this engine does not have; it has ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip")]
    [InlineData("""{"model":{"type":"WordPiece","vocab":{}}}""", "model: \"WordPiece\" is a model that this engine does not have; it has BPE")]
    [InlineData("""{"added_tokens":[{"id":-1}],"model":{"vocab":{"a":0,"b":0,"c":"x"},"merges":["a","a b c",3]}}""",
        "\"a\" and \"b\" both have id 0", "the id of \"c\" is \"x\"", "model.merges[0] is \"a\", not two tokens", "added_tokens[0] is {\"id\":-1}, without an \"id\"")]
    [InlineData("""{"model":{"vocab":{"a":0,"b":1},"merges":["a b","a c"],"unk_token":"?"}}""", "model.unk_token \"?\" is not in model.vocab", "model.merges[0]: \"ab\" is not in model.vocab", "model.merges[1]: \"c\" is not in model.vocab")]
    [InlineData("""{"model":{"vocab":{"a":0},"merges":[],"dropout":0.1,"end_of_word_suffix":"</w>"}}""", "model.dropout is 0.1; this engine has BPE without it", "model.end_of_word_suffix is \"</w>\"; this engine has BPE without it")]
    [InlineData("""{"added_tokens":[{"id":5,"content":"a"}],"model":{"vocab":{"a":0},"merges":[]}}""", "\"a\" has id 5 in added_tokens and 0 in model.vocab")]
    [InlineData("""{"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}}],"pair":[],"special_tokens":{}},"model":{"vocab":{"a":0},"merges":[]}}""",
        "post_processor.single names the special token \"<s>\", but special_tokens has no ids and tokens for it", "post_processor.single must hold the Sequence A once", "post_processor.pair must hold the Sequences A and B once each")]
    [InlineData("[1]", "holds Array, not a JSON object")]
    [InlineData("{", "is not valid JSON")]
    public void A_broken_tokenizer_json_is_refused_with_everything_that_is_wrong(string json, params string[] problems)
    {
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json);
        var error = Assert.Throws<InvalidDataException>(() => Tokenizer.Load(folder));
        Assert.All(problems, p => Assert.Contains(p, error.Message));
    }

    [Fact]
    public void No_change_of_a_tokenizer_json_crashes_the_reader()
    {
        var path = SaveTo(Fallback());
        var bytes = File.ReadAllBytes(path);
        Check.QuickThrowOnFailure(Prop.ForAll(ArbMap.Default.ArbFor<(int At, byte Value, bool Cut)>(), change =>
        {
            var changed = bytes.ToArray();
            var at = Math.Abs(change.At % changed.Length);
            changed[at] = change.Value;
            File.WriteAllBytes(path, change.Cut ? changed[..at] : changed);
            try
            {
                Tokenizer.Load(path).Encode("some text");
            }
            catch (InvalidDataException)
            {
            }
        }));
    }

    [Fact]
    public void Ids_outside_the_vocabulary_say_nothing_and_negative_ones_are_refused()
    {
        var tokenizer = Trained();
        Assert.Equal("the", tokenizer.Decode([.. tokenizer.Encode("the"), 999_999]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([-1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.TokenText(999_999));
        Assert.Null(tokenizer.IdOf("no such token"));
    }

    private static Arbitrary<string> Texts() => Gen.OneOf(
        ArbMap.Default.GeneratorFor<string>().Select(s => s ?? ""),
        Gen.Elements("the", " ", "\n", "é", "😀", "\uD83D", "\uDE00", "12", "'s", "<|end|>", "\u00A0", "日本", "▁", "𝔸").ListOf().Select(l => string.Concat(l))).ToArbitrary();

    private static Tokenizer Trained() => BpeTrainer.Train(["the cat and the loom, the weft and the warp", "the heddle's 12 threads 12 12", "leather weather feather"], 300, ["<|end|>"], individualDigits: true, chatTemplate: "chatml");

    // A vocabulary of bytes and a few letters, as SentencePiece makes them.
    private static Tokenizer Fallback()
    {
        string[] tokens = ["<unk>", "<s>", "</s>", .. Enumerable.Range(0, 256).Select(b => $"<0x{b:X2}>"), "▁", "t", "h", "e", "th", "the", "▁the", "é"];
        return Tokenizer.FromGguf(new Dictionary<string, object>
        {
            ["tokenizer.ggml.model"] = "llama",
            ["tokenizer.ggml.tokens"] = tokens,
            ["tokenizer.ggml.scores"] = tokens.Select((_, i) => -(float)i).ToArray(),
            ["tokenizer.ggml.token_type"] = tokens.Select((_, i) => i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1).ToArray(),
            ["tokenizer.ggml.add_bos_token"] = false,
        });
    }

    private string SaveTo(Tokenizer tokenizer)
    {
        tokenizer.Save(folder);
        return Path.Combine(folder, "tokenizer.json");
    }
}
