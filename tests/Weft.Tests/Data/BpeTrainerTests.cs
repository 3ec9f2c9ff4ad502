using Weft.Data;

namespace Weft.Tests.Data;

public sealed class BpeTrainerTests
{
    [Fact]
    public void The_most_frequent_neighbours_are_merged_first_and_ties_by_id()
    {
        var tokenizer = BpeTrainer.Train(["abab abab cdcd", "ab"], 262, ["<|end|>", "<|pad|>"]);
        Assert.Equal(261, tokenizer.VocabularySize); // no further pair occurs twice
        Assert.Equal(["<|end|>", "<|pad|>", "Ā"], Enumerable.Range(0, 3).Select(tokenizer.TokenText));
        Assert.Equal(["ab", "cd", "abab"], Enumerable.Range(258, 3).Select(tokenizer.TokenText));
        Assert.Equal((0, 0), (tokenizer.EosId!.Value, tokenizer.PadId!.Value));
    }

    [Fact]
    public void The_same_texts_give_the_same_tokenizer()
    {
        string[] texts = ["one loom, two looms", "warp and weft and warp", "12 34 56"];
        var (a, b) = (BpeTrainer.Train(texts, 280, ["<|end|>"]), BpeTrainer.Train(texts.Reverse(), 280, ["<|end|>"]));
        Assert.Equal(Enumerable.Range(0, a.VocabularySize).Select(a.TokenText), Enumerable.Range(0, b.VocabularySize).Select(b.TokenText));
    }

    [Fact]
    public void Digits_stay_apart_where_asked()
    {
        var text = string.Concat(Enumerable.Repeat("2024 ", 50));
        Assert.Contains("20", Learned(BpeTrainer.Train([text], 270, [])), StringComparison.Ordinal);
        Assert.DoesNotContain("20", Learned(BpeTrainer.Train([text], 270, [], individualDigits: true)), StringComparison.Ordinal);

        static string Learned(Tokenizer tokenizer) => string.Join(" ", Enumerable.Range(256, tokenizer.VocabularySize - 256).Select(tokenizer.TokenText));
    }

    [Fact]
    public void A_learned_merge_is_the_first_of_the_reference_trainer()
    {
        var corpus = File.ReadAllText(SharedData.Path("assets", "tokenizers", "bpe_train_ref", "corpus.en"));
        var expected = File.ReadAllLines(SharedData.Path("assets", "tokenizers", "bpe_train_ref", "train-bpe-reference-merges.txt"));
        var tokenizer = BpeTrainer.Train([corpus], 257 + 31, ["<|endoftext|>"]);
        // The reference breaks ties by the bytes of the pair, the largest first; before the 32nd merge there is no tie.
        Assert.Equal(expected.Take(31).Select(l => l.Remove(l.LastIndexOf(' '), 1)), Enumerable.Range(257, 31).Select(tokenizer.TokenText));
    }

    [Fact]
    public void Impossible_wishes_are_refused()
    {
        Assert.StartsWith("A vocabulary of 256 has no room for 256 bytes and 1 special tokens; it needs at least 257.", Assert.Throws<ArgumentException>(() => BpeTrainer.Train(["a"], 256, ["x"])).Message);
        Assert.StartsWith("The special tokens \"x\", \"x\" must be different and not empty.", Assert.Throws<ArgumentException>(() => BpeTrainer.Train(["a"], 300, ["x", "x"])).Message);
    }
}
