using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data;

/// <summary>Training and held-out examples of a run.</summary>
/// <param name="Train">Examples to train on.</param>
/// <param name="HeldOut">Examples kept apart; empty where none were asked for.</param>
/// <param name="TrainReport">What became of long training rows.</param>
/// <param name="HeldOutReport">What became of long held-out rows; null without such rows.</param>
public sealed record Dataset(IReadOnlyList<Example> Train, IReadOnlyList<Example> HeldOut, TruncationReport TrainReport, TruncationReport? HeldOutReport)
{
    /// <summary>Reads, selects, writes and encodes the rows that the options name.</summary>
    /// <param name="options">The data section of a run.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="context">Tokens that the model can see at once.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file or row cannot be used; the message names lines and rows.</exception>
    /// <exception cref="ArgumentException">The options contradict themselves or the file.</exception>
    public static Dataset Load(DataOptions options, Tokenizer tokenizer, int context)
    {
        var (train, held) = Texts(options);
        var (examples, report) = Examples.Of(train, tokenizer, options, context, options.Path!);
        if (held.Count == 0) return new(examples, [], report, null);
        var (heldOut, heldReport) = Examples.Of(held, tokenizer, options, context, options.HeldOutPath ?? options.Path!);
        return new(examples, heldOut, report, heldReport);
    }

    /// <summary>The texts of the selected training rows and of the held-out ones.</summary>
    /// <param name="options">The data section of a run.</param>
    /// <exception cref="FileNotFoundException">A file is missing.</exception>
    /// <exception cref="InvalidDataException">A file or row cannot be used; the message names lines and rows.</exception>
    /// <exception cref="ArgumentException">The options contradict themselves or the file.</exception>
    public static (IReadOnlyList<RowText> Train, IReadOnlyList<RowText> HeldOut) Texts(DataOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (string.IsNullOrEmpty(options.Path)) throw new ArgumentException("data has no path: name the file of training rows (.jsonl, .json or .tsv).");
        if (options.HeldOutShare is not (>= 0 and < 1)) throw new ArgumentException($"The share of rows that is held out is {options.HeldOutShare}; it must be from 0 to less than 1.");
        if (options.HeldOutPath is not null && options.HeldOutShare > 0) throw new ArgumentException("Both held_out_path and held_out_share are set; keep one.");
        var rows = Select(RowFile.Read(options.Path, options.Format, options.Header), options);
        if (options.HeldOutPath is not null)
            return (RowText.Of(rows, options, options.Path), RowText.Of(RowFile.Read(options.HeldOutPath, options.Format, options.Header), options, options.HeldOutPath));
        if (options.HeldOutShare == 0) return (RowText.Of(rows, options, options.Path), []);
        if (rows.Count < 2) throw new ArgumentException($"{options.Path} gives {rows.Count} row, of which none can be held out.");
        var order = Enumerable.Range(0, rows.Count).ToArray();
        new SeededRandom(options.Seed, stream: -1).Shuffle(order);
        var held = order.Take(Math.Clamp((int)Math.Round(rows.Count * options.HeldOutShare), 1, rows.Count - 1)).ToHashSet();
        return (RowText.Of([.. rows.Where((_, i) => !held.Contains(i))], options, options.Path), RowText.Of([.. rows.Where((_, i) => held.Contains(i))], options, options.Path));
    }

    private static List<DataRow> Select(IReadOnlyList<DataRow> rows, DataOptions options)
    {
        List<DataRow> selected = options.Rows is null ? [.. rows] : [.. Numbers(options.Rows, rows.Count, options.Path!).Select(n => rows[n])];
        if (options.Shuffle) new SeededRandom(options.Seed, stream: -2).Shuffle(selected);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Skip);
        selected = [.. selected.Skip(options.Skip).Take(options.Limit ?? int.MaxValue)];
        return selected.Count > 0 ? selected : throw new ArgumentException($"No row of {options.Path} is selected: it has {rows.Count}, skip is {options.Skip}, limit is {options.Limit?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "not set"}.");
    }

    private static List<int> Numbers(string path, int count, string data)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file of row numbers {path}.", path);
        JsonNode? json;
        try
        {
            json = JsonNode.Parse(RowFile.ReadUtf8(path));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not valid JSON: {e.Message}", e);
        }
        var list = json as JsonArray ?? ((json as JsonObject)?.Select(m => m.Value).OfType<JsonArray>().ToList() is [var only] ? only : null)
            ?? throw new InvalidDataException($"{path} holds neither an array of row numbers nor an object with one array in it.");
        var problems = new Problems(path);
        var numbers = new List<int>(list.Count);
        foreach (var item in list)
            if (item is JsonValue value && value.TryGetValue<int>(out var number) && number >= 0 && number < count) numbers.Add(number);
            else problems.Add($"{item?.ToJsonString() ?? "null"} is no number of a row of {data}, which has {count} (0 to {count - 1})");
        problems.ThrowIfAny();
        return numbers;
    }
}
