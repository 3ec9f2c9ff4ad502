using Weft.Adapters;
using Weft.Models;

namespace Weft.Evaluation;

/// <summary>Generates answers to prompts, all in one batch.</summary>
/// <remarks>
/// Prompts are padded on the left and positions count real tokens, so that a row gives what it gives alone. Adapters are out of
/// training mode (no dropout) while answers are generated. Rows that ended are let go. With dynamic scaling of positions, a row longer
/// than the model was made for keeps cached keys as they were turned, as the reference does.
/// </remarks>
public static class Generation
{
    /// <summary>Generates whole answers.</summary>
    /// <param name="model">The model, with the adapters that act.</param>
    /// <param name="prompts">Ids of each prompt, special tokens included.</param>
    /// <param name="options">How tokens are chosen and when answers end.</param>
    /// <param name="cancellation">Ends it between two tokens.</param>
    /// <returns>An answer to each prompt, in their order.</returns>
    /// <exception cref="ArgumentException">A prompt is empty, fills the context or holds an id that the model has not; or an option is out of range. All of them are listed.</exception>
    /// <exception cref="InvalidDataException">The logits of a first token are not finite; weights that are not are listed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<Generated> Run(CausalModel model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, CancellationToken cancellation = default) =>
        Run(model, prompts, options, null, cancellation);

    /// <summary>Generates answers and gives each token as it is chosen, the rows of a step in the order of their prompts.</summary>
    /// <inheritdoc cref="Run(CausalModel, IReadOnlyList{IReadOnlyList{int}}, GenerationOptions, CancellationToken)"/>
    /// <returns>Tokens, step by step. No dispose scope is open while the caller has one.</returns>
    public static IEnumerable<GeneratedToken> Stream(CausalModel model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, CancellationToken cancellation = default)
    {
        Check(model, prompts, options);
        return Tokens(model, prompts, options, null, null, cancellation);
    }

    /// <summary>Generates answers to rows that are part of a larger list.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompts">The prompts.</param>
    /// <param name="options">The options.</param>
    /// <param name="numbers">Number of each prompt in that list, which decides what it draws; null counts from 0.</param>
    /// <param name="cancellation">Ends it between two tokens.</param>
    internal static IReadOnlyList<Generated> Run(
        CausalModel model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, IReadOnlyList<int>? numbers, CancellationToken cancellation)
    {
        Check(model, prompts, options);
        var answers = prompts.Select((p, i) => new Answer(i, p, options, model.ContextLength)).ToList();
        foreach (var _ in Tokens(model, prompts, options, numbers, answers, cancellation))
        {
            // the answers gather their tokens
        }
        return [.. answers.Select(a => a.Result())];
    }

    private static IEnumerable<GeneratedToken> Tokens(
        CausalModel model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, IReadOnlyList<int>? numbers, List<Answer>? answers, CancellationToken cancellation)
    {
        if (prompts.Count == 0) yield break;
        answers ??= [.. prompts.Select((p, i) => new Answer(i, p, options, model.ContextLength))];
        using var rest = new EvaluationMode(model);
        using var decoding = new Decoding(model, prompts, options, numbers, Call.Current);
        var going = answers;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var ids = decoding.Next();
            var tokens = going.Select((answer, i) => answer.Add((int)ids[i])).ToList();
            foreach (var token in tokens) yield return token;
            var kept = Enumerable.Range(0, going.Count).Where(i => going[i].Finish is null).ToList();
            if (kept.Count == 0) yield break;
            decoding.Feed([.. kept.Select(i => ids[i])], kept.Count < going.Count ? kept : null);
            going = [.. kept.Select(i => going[i])];
        }
    }

    private static void Check(CausalModel model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(options);
        var problems = options.Problems().ToList();
        for (var i = 0; i < prompts.Count; i++)
        {
            var prompt = prompts[i];
            if (prompt.Count == 0) problems.Add($"prompt {i} is empty; begin it with the model's first token.");
            else if (prompt.Count >= model.ContextLength) problems.Add($"prompt {i} has {prompt.Count} tokens, and the model's context of {model.ContextLength} leaves no room for an answer.");
            if (prompt.FirstOrDefault(id => id < 0 || id >= model.VocabularySize, -1) is var bad && prompt.Any(id => id < 0 || id >= model.VocabularySize))
                problems.Add($"prompt {i} holds the id {bad}; the model knows 0 to {model.VocabularySize - 1}.");
        }
        if (problems.Count > 0) throw new ArgumentException($"This cannot be generated:\n{string.Join('\n', problems.Select(p => $"  {p}"))}");
    }
}
