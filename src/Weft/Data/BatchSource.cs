using Weft.Nn;

namespace Weft.Data;

/// <summary>Batches of examples in an order that depends only on the examples, the options and the epoch, so a run can go on where it stopped.</summary>
public sealed class BatchSource
{
    private readonly IReadOnlyList<Example> examples;
    private readonly BatchOptions options;
    private readonly List<int[]> packs = []; // numbers of the examples in each row

    /// <summary>Batches of examples.</summary>
    /// <param name="examples">The examples.</param>
    /// <param name="options">Size, packing, order.</param>
    /// <exception cref="ArgumentException">There are no examples, a size is not positive, or an example is longer than a pack.</exception>
    public BatchSource(IReadOnlyList<Example> examples, BatchOptions options)
    {
        ArgumentNullException.ThrowIfNull(examples);
        ArgumentNullException.ThrowIfNull(options);
        if (examples.Count == 0) throw new ArgumentException("There are no examples to make batches of.", nameof(examples));
        if (options.BatchSize < 1 || options.BucketBatches < 1)
            throw new ArgumentException($"batch_size is {options.BatchSize} and bucket_batches {options.BucketBatches}; both must be 1 or more.", nameof(options));
        (this.examples, this.options) = (examples, options);
        if (options.PackLength is not { } length)
        {
            packs.AddRange(Enumerable.Range(0, examples.Count).Select(i => new[] { i }));
            return;
        }
        var tooLong = examples.Where(e => e.Ids.Length > length).ToList();
        if (tooLong.Count > 0)
            throw new ArgumentException($"{Examples.Count(tooLong, "is", "are")} longer than a pack of {length} tokens: {Examples.Rows(tooLong)}. Raise pack_length, or cut rows by max_tokens.", nameof(examples));
        var order = Enumerable.Range(0, examples.Count).ToArray();
        if (options.Shuffle) new SeededRandom(options.Seed, stream: -3).Shuffle(order);
        packs.AddRange(Packing.FirstFit(order.Select(i => examples[i].Ids.Length), length).Select(row => row.Select(s => order[s.Document]).ToArray()));
    }

    /// <summary>Batches in an epoch, the last of which may be smaller; the same in every epoch.</summary>
    public int BatchesPerEpoch => (packs.Count + options.BatchSize - 1) / options.BatchSize;

    /// <summary>The batches of an epoch; whoever takes one disposes it.</summary>
    /// <param name="epoch">Which epoch, from 0.</param>
    /// <param name="skip">Batches left out at the start, as done before.</param>
    /// <exception cref="InvalidDataException">A batch supervises nothing; the message names its rows.</exception>
    public IEnumerable<Batch> Epoch(int epoch, int skip = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(skip);
        foreach (var rows in Plan(epoch).Skip(skip)) yield return Make(rows);
    }

    // The packs of each batch. Shuffled packs are cut into chunks, sorted by length within a chunk, cut into batches, and the chunk's batches shuffled.
    private List<int[]> Plan(int epoch)
    {
        var order = Enumerable.Range(0, packs.Count).ToArray();
        var random = new SeededRandom(options.Seed, epoch);
        if (options.Shuffle) random.Shuffle(order);
        var plan = new List<int[]>(BatchesPerEpoch);
        foreach (var chunk in order.Chunk(options.BatchSize * options.BucketBatches))
        {
            int[][] batches = [.. (options.BucketBatches > 1 ? chunk.OrderBy(Length) : chunk.AsEnumerable()).Chunk(options.BatchSize)];
            if (options.Shuffle) random.Shuffle(batches);
            plan.AddRange(batches);
        }
        return plan;
    }

    private int Length(int pack) => packs[pack].Sum(i => examples[i].Ids.Length);

    private Batch Make(int[] rows)
    {
        var packed = options.PackLength is not null;
        var width = rows.Max(Length);
        var ids = new long[rows.Length * width];
        var labels = new long[ids.Length];
        var (mask, positions, segments) = (new long[ids.Length], new long[ids.Length], new long[ids.Length]);
        Array.Fill(ids, options.PadId);
        Array.Fill(labels, Example.Unsupervised);
        var (numbers, tokens, supervised) = (new List<long>(), 0L, 0L);
        for (var row = 0; row < rows.Length; row++)
        {
            var (at, segment) = (row * width, 0);
            foreach (var example in packs[rows[row]].Select(i => examples[i]))
            {
                segment++;
                numbers.Add(example.Row);
                tokens += example.Ids.Length;
                for (var i = 0; i < example.Ids.Length; i++, at++)
                {
                    ids[at] = example.Ids[i];
                    (mask[at], positions[at], segments[at]) = (1, i, segment);
                    if (i == 0 || example.Labels[i] == Example.Unsupervised) continue; // nothing is predicted across a border
                    labels[at] = example.Labels[i];
                    supervised++;
                }
            }
        }
        if (supervised == 0)
            throw new InvalidDataException($"A batch supervises nothing: none of its rows {string.Join(", ", numbers)} has a label. Give them completions, or leave them out.");
        using var scope = NewDisposeScope();
        Tensor Table(long[] values) => tensor(values, [rows.Length, width], dtype: int64).DetachFromDisposeScope();
        var padded = tokens < ids.Length;
        var input = new TokenInput(Table(ids), padded ? Table(mask) : null, packed ? Table(positions) : null, packed ? Table(segments) : null);
        return new(input, Table(labels), numbers, tokens, supervised);
    }
}
