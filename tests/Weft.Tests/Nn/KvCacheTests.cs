using Weft.Nn;

namespace Weft.Tests.Nn;

/// <summary>A cache gives back what was put in, in any portions, and says what does not fit.</summary>
public sealed class KvCacheTests
{
    [Fact]
    public void What_was_added_in_portions_comes_back_whole_while_buffers_grow()
    {
        using var scope = NewDisposeScope();
        using var cache = new KvCache(2, 1000);
        var (keys, values) = (randn(3, 2, 700, 4), randn(3, 2, 700, 4));
        var start = 0;
        foreach (var part in new[] { 5, 1, 1, 200, 1, 400, 92 })
        {
            for (var layer = 0; layer < 2; layer++)
            {
                var (k, v) = cache.Add(layer, keys.narrow(2, start, part) + layer, values.narrow(2, start, part) - layer);
                Closeness.Check("equal", k, keys.narrow(2, 0, start + part) + layer, 0);
                Closeness.Check("equal", v, values.narrow(2, 0, start + part) - layer, 0);
            }
            cache.Advance(part);
            start += part;
            Assert.Equal(start, cache.Length);
        }
    }

    [Fact]
    public void Selected_rows_keep_their_tokens_in_the_order_given()
    {
        using var scope = NewDisposeScope();
        using var cache = new KvCache(1, 10);
        var (keys, values) = (randn(4, 2, 6, 4), randn(4, 2, 6, 4));
        cache.Add(0, keys.narrow(2, 0, 5), values.narrow(2, 0, 5));
        cache.Advance(5);
        var rows = tensor(new long[] { 3, 1 });
        cache.Select(rows);
        var (k, v) = cache.Add(0, keys.index_select(0, rows).narrow(2, 5, 1), values.index_select(0, rows).narrow(2, 5, 1));
        Closeness.Check("equal", k, keys.index_select(0, rows), 0);
        Closeness.Check("equal", v, values.index_select(0, rows), 0);
    }

    [Fact]
    public void More_than_its_capacity_and_other_rows_are_refused()
    {
        using var scope = NewDisposeScope();
        using var cache = new KvCache(1, 4);
        cache.Add(0, zeros(2, 1, 3, 2), zeros(2, 1, 3, 2));
        cache.Advance(3);
        var full = Assert.Throws<InvalidOperationException>(() => cache.Add(0, zeros(2, 1, 2, 2), zeros(2, 1, 2, 2)));
        Assert.Equal("The cache holds 3 of 4 tokens and cannot take 2 more.", full.Message);
        var other = Assert.Throws<ArgumentException>(() => cache.Add(0, zeros(1, 1, 1, 2), zeros(1, 1, 1, 2)));
        Assert.Equal("The cache holds 2 rows, the call has 1. Select the rows that go on.", other.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new KvCache(1, 0));
    }
}
