using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data;

/// <summary>How a data file is written.</summary>
public enum RowFormat
{
    /// <summary>As the file's name ends: .jsonl or .ndjson, .json, .tsv.</summary>
    Auto,

    /// <summary>One JSON object a line.</summary>
    Jsonl,

    /// <summary>One JSON array of objects.</summary>
    Json,

    /// <summary>Values separated by tabs, taken as they stand (no quoting); the first line names the columns unless <see cref="DataOptions.Header"/> is false.</summary>
    Tsv,
}

/// <summary>Reads the rows of a data file.</summary>
public static class RowFile
{
    private const string LinesHint = "Of a file with an object on each line say format: jsonl.";

    /// <summary>The rows in order.</summary>
    /// <param name="path">The file: UTF-8, a byte order mark is allowed.</param>
    /// <param name="format">How it is written.</param>
    /// <param name="header">Of a TSV file, whether the first line names the columns; otherwise they are called 0, 1, 2 …</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It holds no rows, is not UTF-8, or a row is broken; the message has line numbers.</exception>
    /// <exception cref="NotSupportedException">The format is not known from the name.</exception>
    public static IReadOnlyList<DataRow> Read(string path, RowFormat format = RowFormat.Auto, bool header = true)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (Directory.Exists(path)) throw new FileNotFoundException($"{path} is a folder; data is one file (.jsonl, .json or .tsv).", path);
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no data file {path}.", path);
        if (format == RowFormat.Auto)
            format = Path.GetExtension(path).ToLowerInvariant() switch
            {
                ".jsonl" or ".ndjson" => RowFormat.Jsonl,
                ".json" => RowFormat.Json,
                ".tsv" => RowFormat.Tsv,
                var other => throw new NotSupportedException($"{path}: \"{other}\" says no format; known are .jsonl, .ndjson, .json and .tsv. Set format to jsonl, json or tsv."),
            };
        var text = ReadUtf8(path);
        var rows = format switch
        {
            RowFormat.Jsonl => JsonLines(path, text),
            RowFormat.Json => JsonArray(path, text),
            _ => Tsv(path, text, header),
        };
        return rows.Count > 0 ? rows : throw new InvalidDataException($"{path} holds no rows.");
    }

    /// <summary>The text of a UTF-8 file without its byte order mark.</summary>
    /// <exception cref="InvalidDataException">It is not UTF-8; the message has the line and the byte.</exception>
    internal static string ReadUtf8(string path)
    {
        var bytes = File.ReadAllBytes(path).AsSpan();
        if (bytes.StartsWith(System.Text.Encoding.UTF8.Preamble)) bytes = bytes[3..];
        if (!System.Text.Unicode.Utf8.IsValid(bytes))
        {
            var rest = bytes;
            while (Rune.DecodeFromUtf8(rest, out _, out var used) == System.Buffers.OperationStatus.Done) rest = rest[used..];
            var at = bytes.Length - rest.Length;
            throw new InvalidDataException($"{path} is not UTF-8: line {bytes[..at].Count((byte)'\n') + 1}, byte {at} of the file is 0x{rest[0]:X2}. Convert it to UTF-8.");
        }
        return System.Text.Encoding.UTF8.GetString(bytes);
    }

    private static List<DataRow> JsonLines(string path, string text)
    {
        var (rows, problems) = (new List<DataRow>(), new Problems(path));
        var line = 0;
        foreach (var range in text.AsSpan().Split('\n'))
        {
            line++;
            var content = text[range].Trim();
            if (content.Length == 0) continue;
            try
            {
                if (Fields(JsonNode.Parse(content)) is { } fields) rows.Add(new(rows.Count, line, fields));
                else problems.Add($"line {line} is {(content.Length > 40 ? content[..40] + "…" : content)}, not a JSON object");
            }
            catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
            {
                problems.Add($"line {line} {Reason(e)}");
            }
        }
        problems.ThrowIfAny();
        return rows;
    }

    private static List<DataRow> JsonArray(string path, string text)
    {
        if (string.IsNullOrWhiteSpace(text)) return [];
        JsonNode? json;
        try
        {
            json = JsonNode.Parse(text);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: line {e.LineNumber + 1} is not valid JSON: {Shorten(e.Message)}{(text.AsSpan().TrimStart().StartsWith('{') ? $" {LinesHint}" : "")}", e);
        }
        if (json is not System.Text.Json.Nodes.JsonArray array) throw new InvalidDataException($"{path} holds {json?.GetValueKind().ToString() ?? "null"}, not an array of rows. {LinesHint}");
        var (rows, problems) = (new List<DataRow>(), new Problems(path));
        using var lines = LinesOfItems(text).GetEnumerator();
        for (var i = 0; i < array.Count; i++)
        {
            var item = array[i];
            var line = lines.MoveNext() ? lines.Current : 0;
            try
            {
                if (Fields(item) is { } fields) rows.Add(new(rows.Count, line, fields));
                else problems.Add($"item {i} (line {line}) is {item?.GetValueKind().ToString() ?? "null"}, not an object");
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException)
            {
                problems.Add($"item {i} (line {line}) {Reason(e)}");
            }
        }
        problems.ThrowIfAny();
        return rows;
    }

    // The line in which each item of the outermost array starts.
    private static List<long> LinesOfItems(string text)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(text);
        var reader = new Utf8JsonReader(bytes);
        var (lines, line, done) = (new List<long>(), 1L, 0);
        while (reader.Read())
            if (reader.CurrentDepth == 1 && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
            {
                line += bytes.AsSpan(done, (int)reader.TokenStartIndex - done).Count((byte)'\n');
                done = (int)reader.TokenStartIndex;
                lines.Add(line);
            }
        return lines;
    }

    private static List<DataRow> Tsv(string path, string text, bool header)
    {
        var (rows, problems) = (new List<DataRow>(), new Problems(path));
        string[]? names = null;
        var line = 0;
        foreach (var range in text.AsSpan().Split('\n'))
        {
            line++;
            var content = text[range];
            if (content.EndsWith('\r')) content = content[..^1];
            if (content.Length == 0) continue;
            var values = content.Split('\t');
            if (names is null)
            {
                names = header ? values : [.. values.Select((_, i) => i.ToString(System.Globalization.CultureInfo.InvariantCulture))];
                if (names.Distinct().Count() < names.Length) problems.Add($"line {line} names a column twice: {string.Join(", ", names)}");
                if (header) continue;
            }
            if (values.Length != names.Length) problems.Add($"line {line} has {values.Length} values for the {names.Length} columns {string.Join(", ", names)}");
            else rows.Add(new(rows.Count, line, names.Zip(values).DistinctBy(p => p.First).ToDictionary(p => p.First, p => (JsonNode?)JsonValue.Create(p.Second))));
        }
        problems.ThrowIfAny();
        return rows;
    }

    private static Dictionary<string, JsonNode?>? Fields(JsonNode? node)
    {
        Take(node);
        return (node as JsonObject)?.ToDictionary(f => f.Key, f => f.Value);
    }

    // A JsonNode is read when it is asked for: only then does it find a key that stands there twice, or half of a surrogate pair.
    private static void Take(JsonNode? node)
    {
        if (node is JsonObject members)
            foreach (var (_, value) in members) Take(value);
        else if (node is System.Text.Json.Nodes.JsonArray items)
            foreach (var item in items) Take(item);
        else if (node is JsonValue value) value.TryGetValue<string>(out _);
    }

    private static string Reason(Exception e) => e is InvalidOperationException
        ? "holds half of a surrogate pair, as \\ud83d without \\ude00 behind it; write the whole character"
        : $"is not valid JSON: {Shorten(e.Message)}";

    // Without System.Text.Json's own position, which counts from 0 and within the line.
    private static string Shorten(string message) => message.Split(" LineNumber:")[0].Split(" Path:")[0];
}
