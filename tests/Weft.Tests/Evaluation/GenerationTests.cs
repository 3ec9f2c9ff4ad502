using System.Text;
using Weft.Evaluation;
using Weft.Models;
using Weft.Nn;

namespace Weft.Tests.Evaluation;

/// <summary>Decoding with a cache, in batches and as a stream gives what the model alone gives.</summary>
public sealed class GenerationTests
{
    [Theory, InlineData("plain"), InlineData("grouped"), InlineData("sliding"), InlineData("biased"), InlineData("linear"), InlineData("dynamic"), InlineData("yarn"), InlineData("llama3")]
    public void Cached_is_uncached_and_a_batch_is_its_rows_alone(string kind)
    {
        using var model = RandomModels.Make(kind);
        int[][] prompts = [RandomModels.Prompt(9), RandomModels.Prompt(1, 40), RandomModels.Prompt(5, 11), RandomModels.Prompt(9, 70)];
        var options = new GenerationOptions { MaxNewTokens = 20 };
        var together = Run(model, prompts, options);
        for (var i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(Uncached(model, prompts[i], 20), together[i].Ids);
            Assert.Equal(together[i].Ids, Run(model, [prompts[i]], options)[0].Ids);
        }
    }

    [Theory, InlineData("plain"), InlineData("grouped"), InlineData("sliding")]
    public void Logits_behind_a_cache_are_those_of_the_whole_row(string kind)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = RandomModels.Make(kind);
        using var cache = new KvCache(model.LayerCount, 16);
        var ids = tensor(RandomModels.Prompt(16).Select(id => (long)id).ToArray()).unsqueeze(0);
        var whole = model.Logits(new TokenInput(ids));
        var start = 0;
        foreach (var part in new[] { 6, 1, 5, 1, 3 }) // several new tokens behind a cache too
        {
            Closeness.Check($"{start}", model.Logits(new TokenInput(ids.narrow(1, start, part)), cache), whole.narrow(1, start, part), 1e-5);
            start += part;
        }
    }

    [Fact]
    public void Rows_that_end_early_leave_the_others_as_they_were()
    {
        using var model = RandomModels.Make("grouped");
        int[][] prompts = [.. Enumerable.Range(0, 6).Select(i => RandomModels.Prompt(3 + 2 * i, 5 * i))];
        var full = Run(model, prompts, new GenerationOptions { MaxNewTokens = 24 });
        var stop = full[5].Ids[2]; // ends the longest prompt first, so that padding shrinks
        var ended = Run(model, prompts, new GenerationOptions { MaxNewTokens = 24, StopTokens = [stop, full[0].Ids[10]] });
        for (var i = 0; i < prompts.Length; i++)
        {
            Assert.Equal(full[i].Ids.Take(ended[i].Ids.Count), ended[i].Ids);
            Assert.Equal(ended[i].Finish == FinishReason.StopToken ? ended[i].Ids.Count : 24, ended[i].Ids.Count);
        }
        Assert.Equal(FinishReason.StopToken, ended[5].Finish);
    }

    [Fact]
    public void What_is_drawn_is_the_same_for_a_seed_and_does_not_heed_what_ran_before()
    {
        using var model = RandomModels.Make("plain");
        int[][] prompts = [RandomModels.Prompt(4), RandomModels.Prompt(4), RandomModels.Prompt(7)];
        IReadOnlyList<int>[] Draw(long seed) => [.. Run(model, prompts, new GenerationOptions { MaxNewTokens = 15, Sampling = new Sampling { Temperature = 1.5, TopP = 0.95, Seed = seed } }).Select(a => a.Ids)];
        var first = Draw(1);
        random.manual_seed(77);
        Assert.Equal(first, Draw(1));
        Assert.NotEqual(first, Draw(2));
        Assert.NotEqual(first[0], first[1]); // equal prompts, two draws
    }

    [Theory, InlineData(0.0), InlineData(1.2)]
    public void The_stream_put_together_is_the_answer(double temperature)
    {
        using var model = RandomModels.Make("plain");
        int[][] prompts = [RandomModels.Prompt(4), RandomModels.Prompt(8)];
        var options = new GenerationOptions { MaxNewTokens = 30, Decode = HalfCharacters, StopStrings = ["zz", "é!"], Sampling = new Sampling { Temperature = temperature, Seed = 4 } };
        var whole = Run(model, prompts, options);
        var stream = Generation.Stream(model, prompts, options, TestContext.Current.CancellationToken).ToList();
        for (var i = 0; i < prompts.Length; i++)
        {
            var row = stream.Where(t => t.Row == i).ToList();
            Assert.Equal(whole[i].Text, string.Concat(row.Select(t => t.Text)));
            Assert.Equal(whole[i].Ids, row.Select(t => t.Id));
            Assert.Equal(whole[i].Finish, row[^1].Finish);
            Assert.All(row.SkipLast(1), t => Assert.Null(t.Finish));
        }
    }

    [Fact]
    public void An_answer_ends_at_its_length_or_at_the_end_of_the_context()
    {
        using var model = RandomModels.Make("plain");
        var answers = Run(model, [RandomModels.Prompt(120), RandomModels.Prompt(4)], new GenerationOptions { MaxNewTokens = 20 });
        Assert.Equal((8, FinishReason.Context), (answers[0].Ids.Count, answers[0].Finish));
        Assert.Equal((20, FinishReason.Length), (answers[1].Ids.Count, answers[1].Finish));
        Assert.Empty(Run(model, [], new GenerationOptions()));
    }

    [Fact]
    public void Everything_wrong_with_prompts_and_options_is_said_at_once()
    {
        using var model = RandomModels.Make("plain");
        var refused = Assert.Throws<ArgumentException>(() => Run(
            model, [[], [1, 96], RandomModels.Prompt(128)], new GenerationOptions { MaxNewTokens = 0, StopStrings = ["x"], Sampling = new Sampling { Temperature = -1, TopK = 0, TopP = 2, MinP = -1, RepetitionPenalty = 0 } }));
        Assert.Equal(
            """
            This cannot be generated:
              temperature is -1; 0 is greedy, above 0 draws.
              top_k is 0; it keeps at least 1.
              top_p is 2; it lies between 0 and 1.
              min_p is -1; it lies between 0 and 1.
              repetition_penalty is 0; it is above 0.
              max_new_tokens is 0; an answer has at least one token.
              stop strings are looked for in the text, and there is no decoder: set Decode.
              prompt 0 is empty; begin it with the model's first token.
              prompt 1 holds the id 96; the model knows 0 to 95.
              prompt 2 has 128 tokens, and the model's context of 128 leaves no room for an answer.
            """,
            refused.Message);
    }

    private static IReadOnlyList<Generated> Run(CausalModel model, IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options) =>
        Generation.Run(model, prompts, options, TestContext.Current.CancellationToken);

    private static List<int> Uncached(CausalModel model, int[] prompt, int count)
    {
        var row = prompt.Select(id => (long)id).ToList();
        for (var i = 0; i < count; i++)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            row.Add(model.NextLogits(new TokenInput(tensor(row.ToArray()).unsqueeze(0))).argmax(-1).item<long>());
        }
        return [.. row.Skip(prompt.Length).Select(id => (int)id)];
    }

    // Ids are bytes, many of them halves of a two-byte character.
    private static string HalfCharacters(IReadOnlyList<int> ids) => Encoding.UTF8.GetString([.. ids.Select(id => (byte)(id < 32 ? 0xC3 : id < 64 ? 0x80 + id : 'a' + id % 26))]);
}
