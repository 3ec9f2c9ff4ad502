using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Weft.Adapters;

/// <summary>Prints JSON as Python's <c>json.dumps(indent=2, sort_keys=True)</c>, so that our config files equal PEFT's byte for byte.</summary>
internal static class PythonJson
{
    public static string Print(IReadOnlyDictionary<string, JsonElement> values)
    {
        var text = new StringBuilder();
        Object(text, values.Select(v => (v.Key, v.Value)), 0);
        return text.ToString();
    }

    private static void Value(StringBuilder text, JsonElement value, int depth)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                Object(text, value.EnumerateObject().Select(p => (p.Name, p.Value)), depth);
                break;
            case JsonValueKind.Array:
                List(text, "[", "]", value.EnumerateArray().Select(e => (Action)(() => Value(text, e, depth + 1))), depth);
                break;
            case JsonValueKind.String:
                String(text, value.GetString()!);
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }

    private static void Object(StringBuilder text, IEnumerable<(string Key, JsonElement Value)> entries, int depth) =>
        List(text, "{", "}", entries.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => (Action)(() =>
        {
            String(text, e.Key);
            text.Append(": ");
            Value(text, e.Value, depth + 1);
        })), depth);

    private static void List(StringBuilder text, string open, string close, IEnumerable<Action> entries, int depth)
    {
        text.Append(open);
        var first = true;
        foreach (var entry in entries)
        {
            text.Append(first ? "\n" : ",\n").Append(' ', 2 * (depth + 1));
            entry();
            first = false;
        }
        if (!first) text.Append('\n').Append(' ', 2 * depth);
        text.Append(close);
    }

    private static void String(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
            text.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\b' => "\\b",
                '\f' => "\\f",
                < ' ' or > '~' => "\\u" + ((int)c).ToString("x4", CultureInfo.InvariantCulture),
                _ => c.ToString(),
            });
        text.Append('"');
    }
}
