using Weft.Nn;

namespace Weft.Tests.Nn;

/// <summary>Masks against the definition, one pair of query and key at a time.</summary>
public sealed class AttentionMaskTests
{
    public static TheoryData<int, int, int?, string, string> Cases => new()
    {
        { 0, 5, null, "", "" },
        { 0, 5, 5, "", "" },
        { 0, 5, 2, "", "" },
        { 0, 5, 1, "", "" },
        { 0, 5, null, "11111 11100", "" },   // padding behind
        { 0, 5, null, "00111 11111", "" },   // padding before
        { 0, 5, null, "11011 01110", "" },   // padding between
        { 0, 5, 2, "00111 11111", "" },
        { 3, 1, null, "", "" },              // one new token
        { 3, 1, 2, "", "" },
        { 3, 1, null, "0011 1111", "" },
        { 5, 1, 3, "000111 011111", "" },
        { 3, 2, null, "", "" },              // several behind a cache
        { 3, 2, 2, "", "" },
        { 3, 2, null, "00111 11111", "" },
        { 0, 6, null, "", "111222 112233" }, // packed documents
        { 0, 6, null, "111110 111111", "111220 112233" },
        { 0, 6, 2, "", "111222 112233" },
        { 0, 1, null, "", "" },
        { 0, 1, null, "1 0", "" },
    };

    [Theory, MemberData(nameof(Cases))]
    public void A_query_sees_what_the_definition_says(int cached, int tokens, int? window, string mask, string segments)
    {
        using var scope = NewDisposeScope();
        var (real, documents) = (Rows(mask), Rows(segments));
        var made = AttentionMask.For(new TokenInput(zeros(2, tokens, dtype: int64), Long(real), Segments: Long(documents)), cached, window);
        var keys = cached + tokens;
        if (made.IsCausal) Assert.Null(made.Added);
        for (var row = 0; row < 2; row++)
            for (var q = 0; q < tokens; q++)
                for (var k = 0; k < keys; k++)
                {
                    var at = cached + q;
                    var seen = k == at || (k < at && (window is null || at - k < window) && (real is null || real[row][k] == 1) && (documents is null || documents[row][k] == documents[row][q]));
                    var plain = made.IsCausal ? k <= at : true;
                    var ours = made.Added is null ? plain : float.IsFinite(made.Added.expand(2, 1, tokens, keys)[row, 0, q, k].item<float>());
                    var matters = real is null || real[row][at] == 1; // what a query on padding sees is nobody's concern
                    if (matters) Assert.True(seen == ours, $"row {row}, query {at}, key {k}: {(ours ? "seen" : "hidden")}");
                }
    }

    [Fact]
    public void No_row_of_scores_is_empty()
    {
        using var scope = NewDisposeScope();
        foreach (var (tokens, cached) in new[] { (4, 0), (1, 3) })
        {
            var made = AttentionMask.For(new TokenInput(zeros(1, tokens, dtype: int64), zeros(1, 4, dtype: int64)), cached, null);
            Assert.True(made.Added is null || made.Added.isfinite().any(-1).all().item<bool>());
        }
    }

    [Fact]
    public void Plain_order_and_padding_behind_need_no_mask()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(new AttentionMask(null, IsCausal: true), AttentionMask.For(new TokenInput(zeros(1, 4, dtype: int64), tensor(new long[,] { { 1, 1, 0, 0 } })), 0, 4));
        Assert.Equal(new AttentionMask(null, IsCausal: false), AttentionMask.For(new TokenInput(zeros(1, 1, dtype: int64)), 9, null));
    }

    [Fact]
    public void A_mask_that_leaves_out_the_cache_is_refused()
    {
        using var scope = NewDisposeScope();
        var shorter = Assert.Throws<ArgumentException>(() => AttentionMask.For(new TokenInput(zeros(1, 1, dtype: int64), ones(1, 1, dtype: int64)), 3, null));
        Assert.Equal("The attention mask covers 1 tokens; 3 are cached and 1 are new. It covers both.", shorter.Message);
        var packed = Assert.Throws<ArgumentException>(() => AttentionMask.For(new TokenInput(zeros(1, 1, dtype: int64), Segments: ones(1, 1, dtype: int64)), 3, null));
        Assert.Equal("Packed rows are computed at once: their documents cannot go on behind a cache.", packed.Message);
    }

    private static int[][]? Rows(string text) => text.Length == 0 ? null : [.. text.Split(' ').Select(r => r.Select(c => c - '0').ToArray())];

    private static Tensor? Long(int[][]? rows) => rows is null ? null : stack(rows.Select(r => tensor(r.Select(n => (long)n).ToArray())));
}
