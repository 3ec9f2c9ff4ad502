using Weft.Models;

namespace Weft.Evaluation;

/// <summary>How often a generated answer is exactly the wanted one.</summary>
public static class ExactMatch
{
    /// <summary>Generates an answer to each prompt and compares it, white space around both apart.</summary>
    /// <param name="model">The model, with the adapters that act.</param>
    /// <param name="rows">Ids of each prompt and the completion wanted.</param>
    /// <param name="options">How answers are generated; the decoder is needed.</param>
    /// <param name="rowsAtOnce">Most rows of a batch; prompts of similar length are answered together. It does not change what is drawn.</param>
    /// <param name="progress">Receives how many rows are done.</param>
    /// <param name="cancellation">Ends it between two tokens.</param>
    /// <exception cref="ArgumentException">There are no rows, there is no decoder, or as <see cref="Generation"/> says.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ExactMatchResult Of(
        CausalModel model, IReadOnlyList<(IReadOnlyList<int> Prompt, string Completion)> rows, GenerationOptions options, int rowsAtOnce = 32, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(options);
        if (rows.Count == 0) throw new ArgumentException("There are no rows to answer.", nameof(rows));
        if (options.Decode is null) throw new ArgumentException("Answers are compared as text, and there is no decoder: set Decode.", nameof(options));
        var answered = new AnsweredRow[rows.Count];
        var done = 0;
        foreach (var batch in SimilarLength.Batches([.. rows.Select(r => r.Prompt.Count)], rowsAtOnce, int.MaxValue))
        {
            var answers = Generation.Run(model, [.. batch.Select(i => rows[i].Prompt)], options, batch, cancellation);
            for (var i = 0; i < batch.Count; i++) answered[batch[i]] = new AnsweredRow(rows[batch[i]].Completion, answers[i]);
            progress?.Report(done += batch.Count);
        }
        return new ExactMatchResult(answered);
    }
}
