namespace Weft.Data;

/// <summary>A conversation as a template wrote it.</summary>
/// <param name="Text">The whole text.</param>
/// <param name="Contents">Spans [start, end) of the messages' own words, in UTF-16 units: special tokens written there stay text.</param>
/// <param name="Assistant">Spans [start, end) in UTF-16 units of what the assistant says, its end token included: what is supervised.</param>
public sealed record Conversation(string Text, IReadOnlyList<(int Start, int End)> Contents, IReadOnlyList<(int Start, int End)> Assistant)
{
    /// <summary>The ids, and the labels: the ids where the assistant speaks, −100 elsewhere.</summary>
    /// <param name="tokenizer">The model's tokenizer; it adds nothing around the text, since the template writes all of it.</param>
    public (int[] Ids, int[] Labels) Encode(Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var (ids, spans) = tokenizer.EncodeOutside(Text, Contents);
        var labels = new int[ids.Length];
        for (int i = 0, turn = 0; i < ids.Length; i++)
        {
            while (turn < Assistant.Count && Assistant[turn].End <= spans[i].Start) turn++;
            labels[i] = turn < Assistant.Count && spans[i].End > Assistant[turn].Start ? ids[i] : Example.Unsupervised;
        }
        return (ids, labels);
    }
}
