using Weft.Checkpoints;

namespace Weft.Data;

/// <summary>Turns the text of rows into ids and labels.</summary>
public static class Examples
{
    /// <summary>The examples of rows, in order.</summary>
    /// <remarks>
    /// Prompt and completion are encoded as one text. Special tokens in a format count; in a row's own words they are text. A token is supervised when its span reaches past
    /// the prompt; so a token across the border is, and the tokens are those the model would see. The first token never is.
    /// </remarks>
    /// <param name="texts">The rows' texts.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="options">End token, chat template, what becomes of long rows.</param>
    /// <param name="context">Tokens that the model can see at once.</param>
    /// <param name="name">What messages call the rows' file.</param>
    /// <exception cref="InvalidDataException">Rows are too long, or supervise nothing; the message names them.</exception>
    /// <exception cref="NotSupportedException">The chat template is not known.</exception>
    /// <exception cref="InvalidOperationException">The tokenizer lacks a chat template or an end token that the rows need.</exception>
    public static (IReadOnlyList<Example> Examples, TruncationReport Report) Of(IReadOnlyList<RowText> texts, Tokenizer tokenizer, DataOptions options, int context, string name)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(options);
        var limit = options.MaxTokens ?? context;
        if (limit < 2 || limit > context) throw new ArgumentException($"max_tokens is {limit}; it must be from 2 to {context}, what the model can see at once.");
        var template = texts.Any(t => t.Messages is not null) ? Template(tokenizer, options) : null;
        var end = options.EndToken && texts.Any(t => t.Messages is null)
            ? tokenizer.EosId ?? throw new InvalidOperationException("The tokenizer has no end token to put behind a row. Give it one (eos_token in tokenizer_config.json), or set end_token to false.")
            : (int?)null;
        var (examples, cut, dropped, tooLong, empty) = (new List<Example>(texts.Count), new List<long>(), new List<long>(), new List<Example>(), new List<Example>());
        var (longest, lost) = (0, 0L);
        foreach (var text in texts)
        {
            var example = text.Messages is null ? Single(text, tokenizer, end) : OfConversation(text, tokenizer, template!);
            longest = Math.Max(longest, example.Ids.Length);
            if (example.SupervisedTokens == 0)
            {
                empty.Add(example);
                continue;
            }
            if (example.Ids.Length <= limit)
            {
                examples.Add(example);
                continue;
            }
            var shorter = example with { Ids = example.Ids[..limit], Labels = example.Labels[..limit] };
            if (options.LongRows == LongRows.Refuse || (options.LongRows == LongRows.Cut && shorter.SupervisedTokens == 0))
            {
                tooLong.Add(example);
                continue;
            }
            var kept = shorter.SupervisedTokens > 0;
            (kept ? cut : dropped).Add(example.Row);
            lost += kept ? example.Ids.Length - limit : example.Ids.Length;
            if (kept) examples.Add(shorter);
        }
        var problems = new Problems(name);
        if (empty.Count > 0) problems.Add($"{Count(empty, "supervises", "supervise")} nothing (no completion, and no end token): {Rows(empty)}");
        if (tooLong.Count > 0)
            problems.Add(options.LongRows == LongRows.Refuse
                ? $"{Count(tooLong, "is", "are")} longer than {limit} tokens: {Rows(tooLong)}. Set long_rows to cut, or raise max_tokens (the model sees {context})"
                : $"of {Count(tooLong)} nothing supervised is left after the cut to {limit} tokens: {Rows(tooLong)}. Set long_rows to cut_or_drop, or raise max_tokens (the model sees {context})");
        problems.ThrowIfAny();
        if (examples.Count == 0) throw new InvalidDataException($"{name}: no row is left.");
        return (examples, new(texts.Count, limit, longest, cut, dropped, lost));
    }

    /// <summary>The chat template that the options or the tokenizer name.</summary>
    /// <exception cref="InvalidOperationException">Neither has one.</exception>
    /// <exception cref="NotSupportedException">It is not known.</exception>
    public static ChatTemplate Template(Tokenizer tokenizer, DataOptions options)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(options);
        return ChatTemplate.Find(options.ChatTemplate ?? tokenizer.ChatTemplate
            ?? throw new InvalidOperationException($"The rows are conversations, but the tokenizer has no chat template. Name one: chat_template: {string.Join(" or ", ChatTemplate.Known)}."));
    }

    private static Example Single(RowText text, Tokenizer tokenizer, int? end)
    {
        var encoding = text.Words is { } words ? tokenizer.EncodeRow(text.Prompt + text.Completion, words) : tokenizer.EncodeWithOffsets(text.Prompt + text.Completion, parseSpecialTokens: false);
        var border = text.Prompt.EnumerateRunes().Count();
        List<int> ids = [.. encoding.Ids];
        var labels = ids.Select((id, i) => i > 0 && (encoding.Sequences[i] is null || encoding.Offsets[i].End > border) ? id : Example.Unsupervised).ToList();
        if (end is { } token && (ids.Count == 0 || ids[^1] != token))
        {
            labels.Add(ids.Count > 0 ? token : Example.Unsupervised);
            ids.Add(token);
        }
        return new([.. ids], [.. labels], text.Row.Number, text.Prompt, text.Completion) { Words = text.Words };
    }

    private static Example OfConversation(RowText text, Tokenizer tokenizer, ChatTemplate template)
    {
        var (ids, labels) = template.Write(text.Messages!).Encode(tokenizer);
        return new(ids, labels, text.Row.Number);
    }

    /// <summary>How many rows there are, in words, with a verb that goes with the number.</summary>
    internal static string Count(List<Example> rows, string one = "", string many = "") => (rows.Count == 1 ? $"1 row {one}" : $"{rows.Count} rows {many}").TrimEnd();

    /// <summary>The numbers and lengths of the first rows.</summary>
    internal static string Rows(List<Example> rows) =>
        string.Join(", ", rows.Take(8).Select(e => $"{e.Row} ({e.Ids.Length} tokens)")) + (rows.Count > 8 ? " …" : "");
}
