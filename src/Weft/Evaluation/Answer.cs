namespace Weft.Evaluation;

/// <summary>An answer that is being generated.</summary>
internal sealed class Answer
{
    private readonly GenerationOptions options;
    private readonly AnswerText? text;
    private readonly long room;
    private readonly List<int> ids = [];

    /// <param name="row">Number of the prompt.</param>
    /// <param name="prompt">The prompt.</param>
    /// <param name="options">When it ends.</param>
    /// <param name="context">Tokens the model has room for.</param>
    public Answer(int row, IReadOnlyList<int> prompt, GenerationOptions options, long context)
    {
        (Row, this.options, room) = (row, options, context - prompt.Count);
        if (options.Decode is { } decode) text = new AnswerText(decode, prompt, options.StopStrings);
    }

    public int Row { get; }

    public FinishReason? Finish { get; private set; }

    /// <summary>Takes the next token and says what there is to see of it.</summary>
    public GeneratedToken Add(int id)
    {
        ids.Add(id);
        if (options.StopTokens.Contains(id)) Finish = FinishReason.StopToken;
        else if (text?.Append(id) == true) Finish = FinishReason.StopString;
        else if (ids.Count >= options.MaxNewTokens) Finish = FinishReason.Length;
        else if (ids.Count >= room) Finish = FinishReason.Context;
        if (Finish is not null and not FinishReason.StopString) text?.Flush();
        return new GeneratedToken(Row, id, text?.Take(all: Finish is not null) ?? "", Finish);
    }

    public Generated Result() => new(ids, text?.ToString() ?? "", Finish!.Value);
}
