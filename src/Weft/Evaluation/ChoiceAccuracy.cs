using Weft.Adapters;
using Weft.Models;

namespace Weft.Evaluation;

/// <summary>Classification as text: which of a few one-token completions has the largest logit behind the prompt.</summary>
public static class ChoiceAccuracy
{
    /// <summary>Compares the candidates' logits at the last token of each prompt.</summary>
    /// <param name="model">The model, with the adapters that act.</param>
    /// <param name="rows">Ids of each prompt, and the place of the right one among the candidates.</param>
    /// <param name="candidates">Ids of the completions; of equal logits the first counts.</param>
    /// <param name="tokensAtOnce">Most tokens of a batch, padding included; prompts of similar length are computed together.</param>
    /// <param name="progress">Receives how many rows are done.</param>
    /// <param name="cancellation">Ends it between two batches.</param>
    /// <exception cref="ArgumentException">There are no rows, fewer than two different candidates, an id the model has not, an empty prompt or a place outside the candidates. All are listed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static ChoiceResult Of(
        CausalModel model, IReadOnlyList<(IReadOnlyList<int> Prompt, int Right)> rows, IReadOnlyList<int> candidates, int tokensAtOnce = 4096, IProgress<int>? progress = null,
        CancellationToken cancellation = default)
    {
        Check(model, rows, candidates);
        using var rest = new EvaluationMode(model);
        using var _ = no_grad();
        var chosen = new int[rows.Count];
        var (correct, nats, done) = (0, 0.0, 0);
        foreach (var batch in SimilarLength.Batches([.. rows.Select(r => r.Prompt.Count)], int.MaxValue, tokensAtOnce))
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var scores = Scores(model, [.. batch.Select(i => rows[i].Prompt)], candidates);
            var best = scores.argmax(1).data<long>().ToArray();
            var logs = scores.log_softmax(1);
            for (var i = 0; i < batch.Count; i++)
            {
                chosen[batch[i]] = (int)best[i];
                var right = rows[batch[i]].Right;
                if (best[i] == right) correct++;
                nats -= logs[i, right].item<double>();
            }
            progress?.Report(done += batch.Count);
        }
        return new ChoiceResult(chosen, correct, nats);
    }

    // (batch, candidates), float64
    private static Tensor Scores(CausalModel model, IReadOnlyList<IReadOnlyList<int>> prompts, IReadOnlyList<int> candidates)
    {
        using var scope = NewDisposeScope();
        var input = PaddedRows.Right(prompts);
        var call = new Call { Mask = input.Mask, PromptLengths = [.. prompts.Select(p => p.Count)] };
        using var entered = call.Enter();
        var hidden = model.Hidden(input, call: call);
        var (rows, tokens, width) = (hidden.shape[0], hidden.shape[1], hidden.shape[2]);
        var last = tensor(prompts.Select((p, i) => i * tokens + p.Count - 1).ToArray());
        var logits = model.Head.Forward(hidden.reshape(rows * tokens, width).index_select(0, last));
        return logits.index_select(1, tensor(candidates.Select(c => (long)c).ToArray())).to(ScalarType.Float64).MoveToOuterDisposeScope();
    }

    private static void Check(CausalModel model, IReadOnlyList<(IReadOnlyList<int> Prompt, int Right)> rows, IReadOnlyList<int> candidates)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(candidates);
        var problems = new List<string>();
        if (rows.Count == 0) problems.Add("there are no rows.");
        if (candidates.Distinct().Count() < 2 || candidates.Distinct().Count() < candidates.Count) problems.Add($"the candidates are {string.Join(", ", candidates)}; at least two, all different, can be told apart.");
        problems.AddRange(candidates.Where(c => c < 0 || c >= model.VocabularySize).Select(c => $"candidate {c}: the model knows 0 to {model.VocabularySize - 1}."));
        for (var i = 0; i < rows.Count; i++)
        {
            if (rows[i].Prompt.Count == 0) problems.Add($"prompt {i} is empty.");
            if (rows[i].Right < 0 || rows[i].Right >= candidates.Count) problems.Add($"row {i} says that candidate {rows[i].Right} is right; there are {candidates.Count}, counted from 0.");
        }
        if (problems.Count > 0) throw new ArgumentException($"This cannot be scored:\n{string.Join('\n', problems.Select(p => $"  {p}"))}");
    }
}
