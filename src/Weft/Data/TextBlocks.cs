namespace Weft.Data;

/// <summary>Plain texts as blocks of one length, for pretraining.</summary>
public static class TextBlocks
{
    /// <summary>All texts one after the other, an end token behind each, cut into blocks; the last may be shorter, and a single token left over, from which nothing is predicted, is left out.</summary>
    /// <remarks>Every token but a block's first is supervised. A block begins where the last one ended, whatever text that is in.</remarks>
    /// <param name="texts">The texts; special tokens in them are text.</param>
    /// <param name="tokenizer">The tokenizer; what it puts in front of a text is put in front of each.</param>
    /// <param name="length">Tokens of a block.</param>
    /// <exception cref="InvalidOperationException">The tokenizer has no end token.</exception>
    /// <exception cref="InvalidDataException">There is nothing to cut.</exception>
    public static IReadOnlyList<Example> Of(IEnumerable<string> texts, Tokenizer tokenizer, int length)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 2);
        var end = tokenizer.EosId ?? throw new InvalidOperationException("The tokenizer has no end token to put between texts.");
        var blocks = new List<Example>();
        var rest = new List<int>();
        foreach (var text in texts)
        {
            var ids = tokenizer.Encode(text, parseSpecialTokens: false);
            rest.AddRange(ids);
            if (ids.Length == 0 || ids[^1] != end) rest.Add(end);
            var done = 0;
            for (; rest.Count - done >= length; done += length) Add(rest.GetRange(done, length));
            rest.RemoveRange(0, done);
        }
        if (rest.Count >= 2) Add(rest);
        return blocks.Count > 0 ? blocks : throw new InvalidDataException("The texts hold no two tokens, so there is nothing to predict.");

        void Add(List<int> ids) => blocks.Add(new([.. ids], [Example.Unsupervised, .. ids.Skip(1)], blocks.Count));
    }
}
