using Weft.Nn;

namespace Weft.Evaluation;

/// <summary>Rows of different length as one tensor.</summary>
internal static class PaddedRows
{
    /// <summary>Rows padded behind their tokens with id 0.</summary>
    public static TokenInput Right(IReadOnlyList<IReadOnlyList<int>> rows)
    {
        var width = rows.Max(r => r.Count);
        return new TokenInput(Filled(rows, 0), rows.All(r => r.Count == width) ? null : Filled([.. rows.Select(r => (IReadOnlyList<int>)[.. r.Select(_ => 1)])], 0));
    }

    /// <summary>Labels padded with −100, (batch, tokens).</summary>
    public static Tensor Labels(IReadOnlyList<IReadOnlyList<int>> rows) => Filled(rows, CausalLoss.Ignored);

    private static Tensor Filled(IReadOnlyList<IReadOnlyList<int>> rows, long padding)
    {
        var filled = new long[rows.Count, rows.Max(r => r.Count)];
        for (var i = 0; i < rows.Count; i++)
            for (var t = 0; t < filled.GetLength(1); t++)
                filled[i, t] = t < rows[i].Count ? rows[i][t] : padding;
        return tensor(filled);
    }
}
