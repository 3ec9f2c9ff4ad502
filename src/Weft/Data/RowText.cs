using System.Text;
using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data;

/// <summary>A row as text: a prompt and what follows it, or a conversation.</summary>
/// <param name="Row">The row.</param>
/// <param name="Prompt">What is not supervised; empty for plain text.</param>
/// <param name="Completion">What is.</param>
/// <param name="Messages">The turns of a conversation; null for the other kinds.</param>
public sealed record RowText(DataRow Row, string Prompt, string Completion, IReadOnlyList<ChatMessage>? Messages = null)
{
    /// <summary>Spans of prompt and completion together, in UTF-16 units, that are the row's own words: special tokens there are text. Null: all of it.</summary>
    internal IReadOnlyList<(int Start, int End)>? Words { get; init; }

    /// <summary>Writes rows as the options say.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="options">Formats, labels, kind.</param>
    /// <param name="name">What messages call the rows' file.</param>
    /// <exception cref="InvalidDataException">Rows lack fields or hold what cannot be used; the message lists them.</exception>
    public static IReadOnlyList<RowText> Of(IReadOnlyList<DataRow> rows, DataOptions options, string name)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(options);
        var problems = new Problems(name);
        var texts = new List<RowText>(rows.Count);
        var kind = options.Kind;
        foreach (var given in rows)
        {
            var row = Rename(given, options, problems);
            if (kind == RowKind.Auto && (kind = Guess(row, options)) == RowKind.Auto)
                throw new InvalidDataException($"{name}: {row.Place} has {row.FieldNames}; a row needs prompt and completion, or text, or instruction and output, or messages. Name them with columns, or write prompt and completion as formats.");
            var text = kind switch
            {
                RowKind.Prompt => OfPrompt(row, options, problems),
                RowKind.Text => Field(row, "text", options, problems) is { } all ? new(row, "", all) : null,
                RowKind.Instruction => OfInstruction(row, options, problems),
                _ => OfMessages(row, options, problems),
            };
            if (text is not null) texts.Add(text);
        }
        problems.ThrowIfAny();
        return texts;
    }

    private static RowKind Guess(DataRow row, DataOptions options) =>
        options.Prompt is not null || options.Completion is not null || (row.Fields.ContainsKey("prompt") && row.Fields.ContainsKey("completion")) ? RowKind.Prompt
        : row.Fields.ContainsKey("messages") ? RowKind.Messages
        : row.Fields.ContainsKey("instruction") && row.Fields.ContainsKey("output") ? RowKind.Instruction
        : row.Fields.ContainsKey("text") ? RowKind.Text : RowKind.Auto;

    private static DataRow Rename(DataRow row, DataOptions options, Problems problems)
    {
        if (options.Columns.Count == 0) return row;
        var fields = new Dictionary<string, JsonNode?>(row.Fields);
        foreach (var (field, column) in options.Columns)
            if (row.Fields.TryGetValue(column, out var value)) fields[field] = value;
            else problems.Add($"{row.Place} has no column \"{column}\" for {field}; it has {row.FieldNames}");
        return row with { Fields = fields };
    }

    private static RowText? OfPrompt(DataRow row, DataOptions options, Problems problems)
    {
        var prompt = Fill(options.Prompt ?? "{prompt}", row, options, labels: false, problems);
        var completion = Fill(options.Completion ?? "{completion}", row, options, labels: true, problems);
        if (prompt is not var (question, own) || completion is not var (answer, said)) return null;
        return new(row, question, answer) { Words = [.. own, .. said.Select(s => (s.Start + question.Length, s.End + question.Length))] };
    }

    private static RowText? OfInstruction(DataRow row, DataOptions options, Problems problems)
    {
        var (instruction, output) = (Field(row, "instruction", options, problems), Field(row, "output", options, problems));
        if (instruction is null || output is null) return null;
        if (options.InstructionTemplate != "alpaca")
            return Fill(options.InstructionTemplate, row, options, labels: false, problems, optional: "input") is var (prompt, own)
                ? new(row, prompt, output) { Words = [.. own, (prompt.Length, prompt.Length + output.Length)] }
                : null;
        var input = row.Text("input") is { } found ? options.Trim ? found.Trim() : found : "";
        return new(row, Alpaca(instruction, input), output);
    }

    // Taori et al. 2023, stanford_alpaca: the prompt with which instruction data is written since.
    private static string Alpaca(string instruction, string input) =>
        $"Below is an instruction that describes a task{(input.Length > 0 ? ", paired with an input that provides further context" : "")}. "
        + $"Write a response that appropriately completes the request.\n\n### Instruction:\n{instruction}\n\n{(input.Length > 0 ? $"### Input:\n{input}\n\n" : "")}### Response:\n";

    private static RowText? OfMessages(DataRow row, DataOptions options, Problems problems)
    {
        if (row.Fields.GetValueOrDefault("messages") is not JsonArray { Count: > 0 } list)
        {
            var what = row.Fields.GetValueOrDefault("messages") is JsonArray ? "holds no turn" : row.Fields.ContainsKey("messages") ? "is no list of turns" : "is missing";
            problems.Add($"{row.Place}: messages {what}; the row has {row.FieldNames}");
            return null;
        }
        var messages = new List<ChatMessage>();
        for (var i = 0; i < list.Count; i++)
            if (list[i] is JsonObject turn && turn["role"] is JsonValue role && turn["content"] is JsonValue content && role.TryGetValue<string>(out var who) && content.TryGetValue<string>(out var words))
                messages.Add(new(who, options.Trim ? words.Trim() : words));
            else problems.Add($"{row.Place}: messages[{i}] is {Short(list[i]?.ToJsonString() ?? "null")}, without a role and a content that are text");
        if (messages.Count < list.Count) return null;
        if (messages.All(m => m.Role != "assistant"))
        {
            problems.Add($"{row.Place}: no turn is the assistant's, so there is nothing to learn; the roles are {string.Join(", ", messages.Select(m => m.Role).Distinct())}");
            return null;
        }
        return new(row, "", "", messages);
    }

    private static string? Field(DataRow row, string name, DataOptions options, Problems problems)
    {
        if (row.Text(name) is { } text) return options.Trim ? text.Trim() : text;
        problems.Add(row.Fields.ContainsKey(name) ? $"{row.Place}: {name} is no text" : $"{row.Place} has no {name}; it has {row.FieldNames}");
        return null;
    }

    // The text, and where in it the row's own words stand; null after a problem.
    private static (string Text, List<(int Start, int End)> Words)? Fill(string format, DataRow row, DataOptions options, bool labels, Problems problems, string? optional = null)
    {
        var (text, words) = (new StringBuilder(), new List<(int, int)>());
        for (var i = 0; i < format.Length; i++)
        {
            var letter = format[i];
            if (letter is '{' or '}' && i + 1 < format.Length && format[i + 1] == letter) i++;
            else if (letter == '{')
            {
                var end = format.IndexOf('}', i);
                if (end < 0) throw new ArgumentException($"The format \"{format}\" opens a brace and never closes it; {{{{ writes a brace.");
                var name = format[(i + 1)..end];
                i = end;
                var value = name == optional && row.Text(name) is null ? "" : Field(row, name, options, problems);
                if (value is null) return null;
                if (labels && options.Labels.Count > 0)
                {
                    if (!options.Labels.TryGetValue(value, out var label))
                    {
                        problems.Add($"{row.Place}: {name} is \"{Short(value)}\", which labels do not list; they list {string.Join(", ", options.Labels.Keys.Select(k => $"\"{k}\""))}");
                        return null;
                    }
                    value = label;
                }
                else words.Add((text.Length, text.Length + value.Length)); // a label is the run file's word, as the format is
                text.Append(value);
                continue;
            }
            text.Append(letter);
        }
        return (text.ToString(), words);
    }

    private static string Short(string text) => text.Length > 60 ? text[..60] + "…" : text;
}
