using Weft.Evaluation;
using Weft.Nn;

namespace Weft.Tests.Evaluation;

/// <summary>Loss, exact match and choices are those of each row alone, whatever batches they are computed in.</summary>
public sealed class MeasuresTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void The_loss_is_summed_over_tokens_whatever_the_batches()
    {
        using var model = RandomModels.Make("grouped");
        var rows = Labelled([7, 3, 12, 3, 9, 1]);
        var (nats, tokens) = (0.0, 0);
        foreach (var (ids, labels) in rows)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            if (ids.Count < 2) continue;
            var logs = model.Logits(new TokenInput(Long(ids).unsqueeze(0)))[0].to(float64).log_softmax(-1);
            for (var t = 1; t < ids.Count; t++)
                if (labels[t] != -100)
                    (nats, tokens) = (nats - logs[t - 1, labels[t]].item<double>(), tokens + 1);
        }
        foreach (var atOnce in new[] { 1, 20, 1000 })
        {
            var loss = Perplexity.Of(model, rows, atOnce, cancellation: Cancel);
            Assert.Equal((tokens, 6), (loss.Tokens, loss.Rows));
            Assert.Equal(nats, loss.Nats, nats * 1e-6); // float32 sums
            Assert.Equal(Math.Exp(nats / tokens), loss.Perplexity, 1e-4 * loss.Perplexity);
        }
    }

    [Fact]
    public void Rows_that_supervise_nothing_have_no_loss_and_labels_fit_their_ids()
    {
        using var model = RandomModels.Make("plain");
        var nothing = Assert.Throws<InvalidDataException>(() => Perplexity.Of(model, [((IReadOnlyList<int>)[1, 2], (IReadOnlyList<int>)[-100, -100])], cancellation: Cancel));
        Assert.Equal("None of the 1 rows supervises a token, so there is no loss. Give them a completion, or raise the length at which rows are cut.", nothing.Message);
        var unequal = Assert.Throws<ArgumentException>(() => Perplexity.Of(model, [((IReadOnlyList<int>)[1, 2], (IReadOnlyList<int>)[1])], cancellation: Cancel));
        Assert.Equal("Ids and labels do not fit together:\n  row 0: 2 ids, 1 labels", unequal.Message);
    }

    [Theory, InlineData(0.0), InlineData(1.3)]
    public void Exact_match_counts_the_answers_that_are_the_wanted_ones(double temperature)
    {
        using var model = RandomModels.Make("plain");
        var options = new GenerationOptions { MaxNewTokens = 4, Decode = RandomModels.Letters, Sampling = new Sampling { Temperature = temperature, Seed = 2 } };
        int[][] prompts = [.. new[] { 3, 9, 5, 9, 2 }.Select((n, i) => RandomModels.Prompt(n, 10 * i))];
        var answers = Generation.Run(model, prompts, options, Cancel);
        var rows = prompts.Select((p, i) => ((IReadOnlyList<int>)p, i % 2 == 0 ? $" {answers[i].Text}\n" : answers[i].Text + "x")).ToList();
        var told = new List<int>();
        var result = ExactMatch.Of(model, rows, options, rowsAtOnce: 2, new Told(told.Add), Cancel);
        Assert.Equal((3, 0.6), (result.Matched, result.Share));
        Assert.Equal(answers.Select(a => a.Text), result.Rows.Select(r => r.Answer.Text));
        Assert.Equal([2, 4, 5], told);
    }

    [Fact]
    public void A_choice_is_the_larger_logit_behind_the_prompt_and_its_loss_is_among_the_candidates()
    {
        using var model = RandomModels.Make("sliding");
        int[] candidates = [17, 60, 4];
        int[][] prompts = [.. new[] { 3, 9, 5, 9, 2, 1 }.Select((n, i) => RandomModels.Prompt(n, 10 * i))];
        var (chosen, nats) = (new List<int>(), 0.0);
        foreach (var (prompt, i) in prompts.Select((p, i) => (p, i)))
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var logits = model.NextLogits(new TokenInput(Long(prompt).unsqueeze(0)))[0].to(float64).data<double>();
            var scores = candidates.Select(c => logits[c]).ToArray();
            chosen.Add(Array.IndexOf(scores, scores.Max()));
            nats -= scores[i % 3] - Math.Log(scores.Sum(Math.Exp));
        }
        foreach (var atOnce in new[] { 1, 18, 1000 })
        {
            var result = ChoiceAccuracy.Of(model, [.. prompts.Select((p, i) => ((IReadOnlyList<int>)p, i % 3))], candidates, atOnce, cancellation: Cancel);
            Assert.Equal(chosen, result.Chosen);
            Assert.Equal(chosen.Where((c, i) => c == i % 3).Count(), result.Correct);
            Assert.Equal(nats / 6, result.Loss, 1e-4);
        }
    }

    [Fact]
    public void Everything_wrong_with_choices_is_said_at_once()
    {
        using var model = RandomModels.Make("plain");
        var refused = Assert.Throws<ArgumentException>(() => ChoiceAccuracy.Of(model, [((IReadOnlyList<int>)[], 0), ([1], 2)], [5, 96], cancellation: Cancel));
        Assert.Equal(
            "This cannot be scored:\n  candidate 96: the model knows 0 to 95.\n  prompt 0 is empty.\n  row 1 says that candidate 2 is right; there are 2, counted from 0.",
            refused.Message);
    }

    private static List<(IReadOnlyList<int> Ids, IReadOnlyList<int> Labels)> Labelled(int[] lengths) =>
        [.. lengths.Select((n, i) => RandomModels.Prompt(n, 10 * i)).Select(ids => ((IReadOnlyList<int>)ids, (IReadOnlyList<int>)[.. ids.Select((id, t) => t < ids.Length / 3 ? -100 : id)]))];

    private static Tensor Long(IReadOnlyList<int> ids) => tensor(ids.Select(id => (long)id).ToArray());

    private sealed class Told(Action<int> tell) : IProgress<int>
    {
        public void Report(int value) => tell(value);
    }
}
