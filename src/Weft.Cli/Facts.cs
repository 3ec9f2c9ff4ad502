using System.Text.Json.Nodes;

namespace Weft.Cli;

/// <summary>Names with values and tables, for people and as JSON.</summary>
internal sealed class Facts
{
    private readonly List<(string Title, IReadOnlyList<string> Headings, List<JsonArray> Rows)> tables = [];
    private readonly List<(string Title, JsonObject Values)> groups = [];
    private readonly JsonObject values = [];

    /// <summary>All of it as JSON: the values by name, each group as an object and each table as a list of objects under its title.</summary>
    public JsonObject Json
    {
        get
        {
            var node = (JsonObject)values.DeepClone();
            foreach (var (title, group) in groups) node[title] = group.DeepClone();
            foreach (var (title, headings, rows) in tables)
                node[title] = new JsonArray([.. rows.Select(r => (JsonNode)new JsonObject(headings.Select((h, i) => KeyValuePair.Create(h.TrimStart('>'), r[i]?.DeepClone()))))]);
            return node;
        }
    }

    /// <summary>Adds a value.</summary>
    public void Add(string name, JsonNode? value) => values[name] = value;

    /// <summary>Adds values that another program named: their names cannot stand for a value of ours.</summary>
    public void Group(string title, IEnumerable<KeyValuePair<string, JsonNode?>> group) => groups.Add((title, new JsonObject(group)));

    /// <summary>Adds a table.</summary>
    public void Table(string title, IReadOnlyList<string> headings, IEnumerable<JsonArray> rows) => tables.Add((title, headings, [.. rows]));

    /// <summary>Shows all of it to people.</summary>
    public void Show(Screen screen)
    {
        screen.Table(["", ""], values.Select(v => new[] { v.Key, Text(v.Value, v.Key) }));
        foreach (var (_, group) in groups.Where(g => g.Values.Count > 0))
        {
            screen.Say();
            screen.Table(["", ""], group.Select(v => new[] { v.Key, Text(v.Value, v.Key) }));
        }
        foreach (var (_, headings, rows) in tables.Where(t => t.Rows.Count > 0))
        {
            screen.Say();
            screen.Table(headings, rows.Select(r => r.Select((v, i) => Text(v, headings[i].TrimStart('>'))).ToList()));
        }
    }

    private static string Text(JsonNode? value, string name) => value switch
    {
        null => "null",
        JsonValue v when v.TryGetValue<string>(out var text) => text,
        JsonValue v when v.TryGetValue<long>(out var count) => name == "bytes" ? Bytes.Text(count) : Bytes.Count(count),
        JsonValue v when v.TryGetValue<int>(out var count) => Bytes.Count(count),
        JsonValue v when v.TryGetValue<double>(out var number) => number.ToString(Math.Abs(number) is > 0 and < 0.001 ? "0.####e+0" : "0.####", System.Globalization.CultureInfo.InvariantCulture),
        _ => value.ToJsonString(),
    };
}
