using Weft.Evaluation;

namespace Weft.Tests.Evaluation;

/// <summary>What is drawn depends on seed, row and step alone, and follows the distribution.</summary>
public sealed class SamplingTests
{
    [Fact]
    public void Of_equal_logits_greedy_takes_the_lowest_id()
    {
        using var logits = tensor(new[,] { { 1f, 5f, 5f, 5f }, { 2f, 2f, 2f, 2f } });
        Assert.Equal([1L, 0L], Sampling.Greedy.Choose(logits, [0, 1], 0));
    }

    [Fact]
    public void A_draw_does_not_depend_on_the_generator_of_torch_nor_on_the_rows_beside_it()
    {
        using var scope = NewDisposeScope();
        var logits = linspace(0, 2, 30).repeat(3, 1);
        var sampling = new Sampling { Temperature = 1, Seed = 5 };
        var together = sampling.Choose(logits, [7, 8, 9], 4);
        random.manual_seed(99);
        rand(10);
        Assert.Equal(together, sampling.Choose(logits, [7, 8, 9], 4));
        Assert.Equal(together[1], sampling.Choose(logits.narrow(0, 0, 1), [8], 4)[0]);
    }

    [Fact]
    public void Another_seed_row_or_step_draws_anew()
    {
        var base0 = Enumerable.Range(0, 50).Select(i => Sampling.Uniform(1, 0, i)).ToList();
        Assert.Equal(50, base0.Distinct().Count());
        Assert.Empty(base0.Intersect(Enumerable.Range(0, 50).Select(i => Sampling.Uniform(2, 0, i))));
        Assert.Empty(base0.Intersect(Enumerable.Range(0, 50).Select(i => Sampling.Uniform(1, 1, i))));
    }

    [Fact]
    public void Draws_follow_the_distribution()
    {
        using var scope = NewDisposeScope();
        var probabilities = new[] { 0.5, 0.25, 0.15, 0.1 };
        var logits = tensor(probabilities.Select(p => (float)Math.Log(p)).ToArray()).repeat(4000, 1);
        var drawn = new Sampling { Temperature = 1, Seed = 3 }.Choose(logits, [.. Enumerable.Range(0, 4000)], 0);
        for (var id = 0; id < 4; id++)
            Assert.Equal(probabilities[id], drawn.Count(d => d == id) / 4000.0, 0.03); // 3.8 standard deviations of the widest
    }

    [Fact]
    public void A_token_that_is_ruled_out_is_never_drawn()
    {
        using var scope = NewDisposeScope();
        var logits = randn(200, 40);
        var sampling = new Sampling { Temperature = 3, TopK = 4, Seed = 1 };
        var drawn = sampling.Choose(logits, [.. Enumerable.Range(0, 200)], 0);
        var allowed = sampling.Filter(logits).isfinite();
        Assert.All(Enumerable.Range(0, 200), row => Assert.True(allowed[row, drawn[row]].item<bool>()));
    }

    [Fact]
    public void A_penalty_needs_to_know_what_occurred()
    {
        using var logits = zeros(1, 4);
        var refused = Assert.Throws<ArgumentException>(() => new Sampling { RepetitionPenalty = 1.5 }.Filter(logits));
        Assert.StartsWith("repetition_penalty 1.5 needs to know which tokens have occurred.", refused.Message, StringComparison.Ordinal);
    }
}
