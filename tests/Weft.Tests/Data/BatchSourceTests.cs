using FsCheck;
using FsCheck.Fluent;
using Weft.Data;

namespace Weft.Tests.Data;

public sealed class BatchSourceTests
{
    [Theory]
    [InlineData(null)]
    [InlineData(32)]
    public void An_epoch_holds_each_example_once_and_going_on_after_some_batches_gives_the_rest(int? pack) => Check.QuickThrowOnFailure(Prop.ForAll(
        ArbMap.Default.ArbFor<(byte Count, byte Seed, byte Epoch, byte Skip, byte Size)>(), given =>
        {
            var source = new BatchSource(Rows(given.Count + 1, given.Seed), new() { BatchSize = given.Size % 9 + 1, PackLength = pack, BucketBatches = given.Size % 4 + 1, Seed = given.Seed });
            var batches = source.Epoch(given.Epoch).Select(Describe).ToList();
            Assert.Equal(source.BatchesPerEpoch, batches.Count);
            Assert.Equal(Enumerable.Range(0, given.Count + 1).Select(i => (long)i), batches.SelectMany(b => b.Rows).Order());
            var skip = given.Skip % (batches.Count + 1);
            Assert.Equal(batches.Skip(skip).Select(b => b.Ids), source.Epoch(given.Epoch, skip).Select(b => Describe(b).Ids));
        }));

    [Fact]
    public void The_order_of_a_seed_never_changes()
    {
        var source = new BatchSource(Rows(12, 1), new() { BatchSize = 3, BucketBatches = 2, Seed = 7 });
        Assert.Equal("4 2 8|5 0 1|3 9 7|6 10 11", Order(source, 0));
        Assert.NotEqual(Order(source, 0), Order(source, 1));
        var random = new SeededRandom(1);
        Assert.Equal([random.Next(), random.Next()], Twice(new SeededRandom(1)));
        Assert.NotEqual(new SeededRandom(1).Next(), new SeededRandom(1, stream: 1).Next());
    }

    [Fact]
    public void Rows_of_like_length_stand_together()
    {
        var source = new BatchSource(Rows(128, 3), new() { BatchSize = 16, BucketBatches = 8 });
        var padding = source.Epoch(0).Sum(b => b.Input.Ids.NumberOfElements - b.Tokens);
        var unsorted = new BatchSource(Rows(128, 3), new() { BatchSize = 16, BucketBatches = 1 }).Epoch(0).Sum(b => b.Input.Ids.NumberOfElements - b.Tokens);
        Assert.True(padding * 3 < unsorted, $"{padding} tokens of padding in buckets, {unsorted} without");
    }

    [Fact]
    public void A_batch_that_supervises_nothing_is_refused_with_its_rows()
    {
        var source = new BatchSource([new([1, 2], [-100, -100], 4), new([1, 2], [1, -100], 9)], new() { Shuffle = false });
        var error = Assert.Throws<InvalidDataException>(() => source.Epoch(0).First());
        Assert.Equal("A batch supervises nothing: none of its rows 4, 9 has a label. Give them completions, or leave them out.", error.Message);
    }

    [Fact]
    public void Wrong_sizes_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new BatchSource([], new()));
        Assert.Throws<ArgumentException>(() => new BatchSource(Rows(2, 1), new() { BatchSize = 0 }));
        var error = Assert.Throws<ArgumentException>(() => new BatchSource([new([1, 2, 3], [-100, 2, 3], 5)], new() { PackLength = 2 }));
        Assert.StartsWith("1 row is longer than a pack of 2 tokens: 5 (3 tokens). Raise pack_length, or cut rows by max_tokens.", error.Message);
    }

    [Fact]
    public void Batches_outlive_the_callers_scope_and_leave_no_tensors_behind()
    {
        var source = new BatchSource(Rows(20, 2), new() { BatchSize = 4, PackLength = 40 });
        using var scope = NewDisposeScope();
        var before = scope.DisposablesCount;
        foreach (var batch in source.Epoch(0))
            using (batch) Assert.Equal(int64, batch.Labels.dtype);
        Assert.Equal(before, scope.DisposablesCount);
    }

    [Fact]
    public void Texts_become_full_blocks_of_which_no_token_is_lost()
    {
        var tokenizer = BpeTrainer.Train(["a b c d"], 257, ["<|end|>"]);
        var blocks = TextBlocks.Of(["abc", "", "de<|end|>f"], tokenizer, 6);
        Assert.Equal([6, 6, 4], blocks.Select(b => b.Ids.Length));
        Assert.Equal("abc<|end|><|end|>de<|end|>f<|end|>", tokenizer.Decode([.. blocks.SelectMany(b => b.Ids)], skipSpecialTokens: false));
        Assert.Equal(3, blocks.SelectMany(b => b.Ids).Count(i => i == 0)); // the one written in a text stays text
        Assert.All(blocks, b => Assert.Equal([-100, .. b.Ids.Skip(1)], b.Labels));
    }

    private static List<Example> Rows(int count, long seed)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            int[] ids = [.. Enumerable.Range(0, 2 + random.Below(28)).Select(_ => 1 + random.Below(99))];
            return new Example(ids, [-100, .. ids[1..]], i);
        })];
    }

    private static (IReadOnlyList<long> Rows, string Ids) Describe(Batch batch)
    {
        using (batch) return (batch.Rows, string.Join(" ", batch.Input.Ids.data<long>()));
    }

    private static ulong[] Twice(SeededRandom random) => [random.Next(), random.Next()];

    private static string Order(BatchSource source, int epoch) => string.Join("|", source.Epoch(epoch).Select(b => string.Join(" ", Describe(b).Rows)));
}
