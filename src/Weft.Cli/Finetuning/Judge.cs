using Weft.Cli.Runs;
using Weft.Data;
using Weft.Evaluation;
using Weft.Models;

namespace Weft.Cli.Finetuning;

/// <summary>Measures a model on rows that it does not train on.</summary>
internal sealed class Judge
{
    private const int TokensAtOnce = 1024; // no slower than more, and its activations stay below those of training
    private readonly CausalModel model;
    private readonly EvaluateSection section;
    private readonly IReadOnlyList<(IReadOnlyList<int> Ids, IReadOnlyList<int> Labels)> rows;
    private readonly List<(IReadOnlyList<int> Prompt, string Completion)> questions;
    private readonly List<int> candidates = [];
    private readonly List<(IReadOnlyList<int> Prompt, int Right)> choices = [];
    private readonly GenerationOptions generation;
    private readonly int asked;

    /// <summary>A judge over rows.</summary>
    /// <exception cref="UsageException">Answers are wanted and no row has a prompt, or the choices are not what the rows and the tokenizer allow.</exception>
    public Judge(CausalModel model, Tokenizer tokenizer, EvaluateSection section, IReadOnlyList<Example> examples)
    {
        (this.model, this.section) = (model, section);
        rows = [.. examples.Select(e => ((IReadOnlyList<int>)e.Ids, (IReadOnlyList<int>)e.Labels))];
        asked = section.ExactMatch switch { true => int.MaxValue, int count => count, _ => 0 };
        questions = [.. examples.Take(Math.Max(asked, section.Samples)).Select(e => Question(e, tokenizer)).Where(q => q.Prompt.Count > 0 && q.Prompt.Count < model.ContextLength)];
        if (asked > 0 && examples.All(e => e.Prompt is ""))
            throw new UsageException($"evaluate.exact_match compares answers to prompts, and none of the {examples.Count} rows has a prompt. Set it to false, or give rows with prompt and completion.");
        generation = new GenerationOptions { MaxNewTokens = section.MaxNewTokens, StopTokens = tokenizer.EndIds, Decode = ids => tokenizer.Decode(ids) };
        if (section.Choices is { } words) FindChoices(words, examples, tokenizer);
    }

    /// <summary>How many rows there are.</summary>
    public int RowCount => rows.Count;

    /// <summary>The prompts that are answered, in the order of <see cref="ExactMatchResult.Rows"/>.</summary>
    public IReadOnlyList<IReadOnlyList<int>> Prompts => questions.ConvertAll(q => q.Prompt);

    /// <summary>Measures all that was asked for.</summary>
    /// <param name="screen">Where progress is shown.</param>
    /// <param name="what">What is measured.</param>
    public Scores Score(Screen screen, string what)
    {
        var token = screen.Interruption.Token;
        var scored = questions[..Math.Min(asked, questions.Count)];
        var loss = With("held-out loss", rows.Count, progress => Loss(progress, token));
        var exact = scored.Count == 0 ? null : With("answers", scored.Count, progress => ExactMatch.Of(model, scored, generation, section.BatchSize, progress, token));
        var choice = choices.Count == 0 ? null : With("choices", choices.Count, progress => ChoiceAccuracy.Of(model, choices, candidates, TokensAtOnce, progress, token));
        return new Scores(loss, exact, choice);

        T With<T>(string measure, int total, Func<IProgress<int>, T> work)
        {
            using var progress = new LineProgress(screen, $"{measure} of {what}", total);
            return work(progress);
        }
    }

    /// <summary>Answers to the first questions, taken from those that were scored where they are among them.</summary>
    public IReadOnlyList<AnsweredRow> Answers(int count, ExactMatchResult? scored)
    {
        if (scored is not null && scored.Rows.Count >= Math.Min(count, questions.Count)) return [.. scored.Rows.Take(count)];
        return count == 0 || questions.Count == 0 ? [] : ExactMatch.Of(model, questions[..Math.Min(count, questions.Count)], generation, section.BatchSize).Rows;
    }

    /// <summary>Measures the loss alone.</summary>
    public HeldOutLoss Loss(IProgress<int> progress, CancellationToken token) => Perplexity.Of(model, rows, TokensAtOnce, progress, token);

    private static (IReadOnlyList<int> Prompt, string Completion) Question(Example example, Tokenizer tokenizer)
    {
        if (example.EncodePrompt(tokenizer) is { } prompt && example.Completion is not null) return (prompt, example.Completion);
        var start = Array.FindIndex(example.Labels, l => l != Example.Unsupervised);
        var end = Array.FindIndex(example.Labels, start, l => l == Example.Unsupervised);
        return (example.Ids[..start], tokenizer.Decode(example.Ids[start..(end < 0 ? example.Ids.Length : end)]));
    }

    private void FindChoices(IReadOnlyList<string> words, IReadOnlyList<Example> examples, Tokenizer tokenizer)
    {
        var problems = new List<string>();
        foreach (var word in words)
        {
            var ids = tokenizer.Encode(word, addSpecialTokens: false, parseSpecialTokens: false);
            if (ids.Length == 1) candidates.Add(ids[0]);
            else problems.Add($"evaluate.choices \"{word}\" is {ids.Length} tokens ({string.Join(", ", ids.Select(i => tokenizer.TokenText(i)))}); a choice is one. Give it the space that it has behind the prompt, or choose other words.");
        }
        foreach (var example in examples)
        {
            var right = words.ToList().IndexOf(example.Completion ?? "");
            if (right >= 0 && example.EncodePrompt(tokenizer) is { } prompt) choices.Add((prompt, right));
            else if (problems.Count < 10) problems.Add($"row {example.Row}: the completion \"{example.Completion}\" is none of evaluate.choices.");
        }
        if (problems.Count > 0) throw new UsageException($"The rows cannot be judged by evaluate.choices:\n{string.Join('\n', problems.Select(p => $"  {p}"))}");
    }
}
