namespace Weft.Data;

/// <summary>Lays documents into rows of one length.</summary>
public static class Packing
{
    /// <summary>A stretch of a document in a row.</summary>
    /// <param name="Document">Which document.</param>
    /// <param name="Offset">Where in the document it starts, tokens.</param>
    /// <param name="Length">Tokens.</param>
    public readonly record struct Stretch(int Document, int Offset, int Length);

    /// <summary>First fit: each document goes into the first row, in order of opening, that has room, else into a new one.</summary>
    /// <remarks>A document longer than a row is cut into pieces of a row's length first.</remarks>
    /// <param name="lengths">Tokens of each document.</param>
    /// <param name="length">Tokens of a row.</param>
    public static IReadOnlyList<IReadOnlyList<Stretch>> FirstFit(IEnumerable<int> lengths, int length)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        Stretch[] pieces = [.. lengths.SelectMany((size, document) => Pieces(document, size, length))];
        var rows = new List<List<Stretch>>();
        var leaves = 1;
        while (leaves < pieces.Length) leaves *= 2;
        var room = new int[2 * leaves]; // a tree whose nodes hold the largest room below them
        Array.Fill(room, length);
        foreach (var piece in pieces)
        {
            var node = 1;
            while (node < leaves) node = room[2 * node] >= piece.Length ? 2 * node : 2 * node + 1;
            if (node - leaves == rows.Count) rows.Add([]);
            rows[node - leaves].Add(piece);
            room[node] -= piece.Length;
            for (node /= 2; node >= 1; node /= 2) room[node] = Math.Max(room[2 * node], room[2 * node + 1]);
        }
        return rows;
    }

    private static IEnumerable<Stretch> Pieces(int document, int size, int length)
    {
        for (var offset = 0; offset < size; offset += length) yield return new(document, offset, Math.Min(length, size - offset));
    }
}
