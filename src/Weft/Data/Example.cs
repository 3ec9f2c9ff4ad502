namespace Weft.Data;

/// <summary>One row as a model trains on it.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Labels">The id where a token is supervised, −100 elsewhere; as long as the ids, not shifted (the model shifts).</param>
/// <param name="Row">Number of the row in its file, from 0.</param>
/// <param name="Prompt">The text that is not supervised; null where a row has none of its own.</param>
/// <param name="Completion">The text that is; null where a row has none of its own.</param>
public sealed record Example(int[] Ids, int[] Labels, long Row, string? Prompt = null, string? Completion = null)
{
    /// <summary>Spans of the prompt's text, in UTF-16 units, in which special tokens are text: the row's own words. Null: all of it.</summary>
    internal IReadOnlyList<(int Start, int End)>? Words { get; init; }

    /// <summary>The label of a token that is not supervised.</summary>
    public const int Unsupervised = -100;

    /// <summary>Tokens that the loss sees: the first of a row is predicted from nothing and never counts.</summary>
    public int SupervisedTokens => Labels.Skip(1).Count(l => l != Unsupervised);

    /// <summary>Ids of the prompt as a model is asked it: what begins a text is in front, what ends one is not behind. Null where the row has no prompt of its own.</summary>
    /// <param name="tokenizer">The tokenizer that made the ids.</param>
    public int[]? EncodePrompt(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return Prompt is null ? null : Words is null ? tokenizer.EncodePrompt(Prompt) : tokenizer.EncodePrompt(Prompt, Words);
    }

    /// <summary>The example decoded, special tokens included, cut where supervision begins or ends.</summary>
    /// <param name="tokenizer">The tokenizer that made the ids.</param>
    public IReadOnlyList<(string Text, bool Supervised)> Show(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var stream = tokenizer.Stream(skipSpecialTokens: false);
        var segments = new List<(string Text, bool Supervised)>();
        for (var i = 0; i < Ids.Length; i++) Add(stream.Append(Ids[i]), Labels[i] != Unsupervised);
        Add(stream.Flush(), Ids.Length > 0 && Labels[^1] != Unsupervised);
        return segments;

        void Add(string text, bool supervised)
        {
            if (text.Length == 0) return;
            if (segments.Count > 0 && segments[^1].Supervised == supervised) segments[^1] = (segments[^1].Text + text, supervised);
            else segments.Add((text, supervised));
        }
    }
}
