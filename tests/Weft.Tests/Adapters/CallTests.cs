using Weft.Adapters;
using Weft.Evaluation;
using Weft.Methods;
using Weft.Models;
using Weft.Nn;
using Weft.Tests.Methods;

namespace Weft.Tests.Adapters;

/// <summary>What a call of a model says to adapters: prompts and documents, adapters by row, tokens that are edited.</summary>
public sealed class CallTests : IDisposable
{
    private static readonly int[][] documents = [[3, 10, 17, 24, 31, 6, 13, 20], [27, 2, 9, 16, 23, 30, 5], [12, 19, 26, 1, 8, 15, 22, 29, 4]];
    private readonly CausalModel model = RandomLlama.Create();

    [Theory, InlineData(0), InlineData(5)]
    public void Positions_of_packed_documents_are_those_of_each_document_alone(int prompt)
    {
        Positioned("f2+l2");
        var separate = documents.Sum(d => model.Loss(new TokenInput(Row(d)), Labels(d, prompt)).item<float>());
        var ids = documents.SelectMany(d => d).ToArray();
        var packed = new TokenInput(
            cat([Row(ids), zeros(1, 3, dtype: int64)], 1), cat([ones(1, ids.Length, dtype: int64), zeros(1, 3, dtype: int64)], 1),
            cat([Row([.. documents.SelectMany(d => Enumerable.Range(0, d.Length))]), zeros(1, 3, dtype: int64)], 1),
            cat([Row([.. documents.SelectMany((d, i) => Enumerable.Repeat(i + 1, d.Length))]), zeros(1, 3, dtype: int64)], 1));
        var labels = cat([.. documents.Select(d => Labels(d, Math.Max(1, prompt))), full([1, 3], CausalLoss.Ignored, dtype: int64)], 1);
        Assert.Equal(separate, model.Loss(packed, labels).item<float>(), 1e-4 * separate);
    }

    [Fact]
    public void Training_edits_the_tokens_that_generation_edits()
    {
        Positioned("f2+l2");
        var (prompt, answer) = (documents[0][..5], documents[0][5..]);
        using var cache = new KvCache(model.LayerCount, 16);
        var nats = 0f;
        var input = prompt;
        foreach (var next in answer)
        {
            nats -= model.NextLogits(new TokenInput(Row(input)), cache).log_softmax(-1)[0, next].item<float>();
            input = [next];
        }
        Assert.Equal(nats, model.Loss(new TokenInput(Row(documents[0])), Labels(documents[0], 5)).item<float>(), 1e-4 * nats);
    }

    [Fact]
    public void Positions_at_the_head_are_refused_before_anything_is_built()
    {
        var refusal = Assert.Throws<ArgumentException>(() => new WegeftConfig { Rank = 2, Positions = "f2", TargetModules = new Targets("lm_head") }.AttachTo(model));
        Assert.Contains("  lm_head: positions count the tokens of a row, and the head sees only those it predicts from. Leave it out of target_modules, or positions away.", refusal.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Rows_of_one_batch_are_what_each_is_alone_with_padding_and_selected_tokens(bool selects)
    {
        Positioned("f2+l2", "a");
        Positioned("f1+l3", "b");
        var input = Padded(out var labels);
        var selection = selects ? tensor(new long[,] { { 1, 0, 0, 1, 0, 0, 0, 0, 0 }, { 0, 1, 0, 0, 0, 1, 0, 0, 0 }, { 0, 0, 0, 0, 1, 1, 0, 0, 0 } }) : null;
        string?[] rows = ["b", null, "a"];
        var together = model.Logits(input, call: new Call { RowAdapters = rows, TokenSelection = selection });
        var loss = model.Loss(input, labels, new Call { RowAdapters = rows, TokenSelection = selection }).item<float>();
        var alone = 0f;
        for (var i = 0; i < rows.Length; i++)
        {
            model.Activate(rows[i] is { } name ? [name] : []);
            var row = new TokenInput(input.Ids[i..(i + 1)], input.Mask![i..(i + 1)]);
            var call = new Call { TokenSelection = selection?[i..(i + 1)] };
            Closeness.Check($"row {i}", together[i..(i + 1)], model.Logits(row, call: call), 1e-5);
            alone += model.Loss(row, labels[i..(i + 1)], call).item<float>();
        }
        Assert.Equal(alone, loss, 1e-4 * alone);
    }

    [Fact]
    public void The_head_of_each_row_is_its_own_under_a_loss()
    {
        foreach (var name in new[] { "a", "b" })
            RandomLlama.Disturb(new LoraConfig { Rank = 2, TargetModules = new Targets("lm_head", "q_proj") }.AttachTo(model, name), name[0]);
        var input = Padded(out var labels);
        string?[] rows = ["b", null, "a"];
        var loss = model.Loss(input, labels, new Call { RowAdapters = rows }).item<float>();
        var alone = 0f;
        for (var i = 0; i < rows.Length; i++)
        {
            model.Activate(rows[i] is { } name ? [name] : []);
            alone += model.Loss(new TokenInput(input.Ids[i..(i + 1)], input.Mask![i..(i + 1)]), labels[i..(i + 1)]).item<float>();
        }
        Assert.Equal(alone, loss, 1e-4 * alone);
    }

    [Fact]
    public void A_call_that_does_not_fit_is_refused_and_everything_wrong_is_listed()
    {
        Positioned("f2", "a");
        new LoraConfig { Rank = 2, Bias = "lora_only", TargetModules = new Targets("q_proj") }.AttachTo(model, "biased");
        var call = new Call { RowAdapters = ["a", "z", "biased"], PromptLengths = [1], TokenSelection = ones(2, 9, dtype: int64) };
        Assert.Equal(
            "The call does not fit:\n" +
            "  it names adapters for 3 rows, and the batch has 2. Name one for each row, null for the base model.\n" +
            "  No adapter is called z. Attached are: a, biased.\n" +
            "  biased trains tensors of the base (model.layers.0.self_attn.q_proj.bias …), which all rows of a batch have in common. Compute its rows in a batch of their own.\n" +
            "  it states 1 prompt lengths, and the batch has 2 rows. Give one for each row.\n" +
            "  its token selection is (2, 9), and the batch (2, 10).",
            Assert.Throws<ArgumentException>(() => model.Logits(RandomLlama.Batch, call: call)).Message);
        using var entered = new Call { RowAdapters = ["a", "z"] }.Enter();
        Assert.Contains("No adapter is called z.", Assert.Throws<ArgumentException>(() => model.Loss(RandomLlama.Batch, RandomLlama.Batch.Ids)).Message, StringComparison.Ordinal);
        Assert.Contains("No adapter is called z.", Assert.Throws<ArgumentException>(() => Generation.Run(model, documents[..2], new GenerationOptions { MaxNewTokens = 2 }, TestContext.Current.CancellationToken)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => model.Dispose();

    private void Positioned(string positions, string name = "default") =>
        RandomLlama.Disturb(new WegeftConfig { Rank = 2, Positions = positions, TargetModules = new Targets("q_proj", "k_proj", "down_proj") }.AttachTo(model, name), 5 + name[0]);

    private static Tensor Row(int[] ids) => tensor(ids.Select(id => (long)id).ToArray()).unsqueeze(0);

    // The first token of a document predicts nothing in a packed row, so it is not supervised anywhere.
    private static Tensor Labels(int[] ids, int prompt) => Row([.. ids.Select((id, i) => i < prompt ? (int)CausalLoss.Ignored : id)]);

    private static TokenInput Padded(out Tensor labels)
    {
        var width = documents.Max(d => d.Length);
        Tensor Table(Func<int[], int, long> at) => stack([.. documents.Select(d => tensor(Enumerable.Range(0, width).Select(t => at(d, t)).ToArray()))]);
        labels = Table((d, t) => t < d.Length && t >= 4 ? d[t] : CausalLoss.Ignored);
        return new TokenInput(Table((d, t) => t < d.Length ? d[t] : 0), Table((d, t) => t < d.Length ? 1 : 0));
    }
}
