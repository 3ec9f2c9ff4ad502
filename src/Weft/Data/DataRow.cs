using System.Text.Json.Nodes;

namespace Weft.Data;

/// <summary>One row of a data file.</summary>
/// <param name="Number">Which data row it is, from 0; a header line does not count.</param>
/// <param name="Line">The line of the file it starts in, from 1.</param>
/// <param name="Fields">Its values by name.</param>
public sealed record DataRow(long Number, long Line, IReadOnlyDictionary<string, JsonNode?> Fields)
{
    /// <summary>The value of a field as text (a number or a truth value as JSON writes it), or null where the row lacks it or it is no plain value.</summary>
    /// <param name="name">The field's name.</param>
    public string? Text(string name) => Fields.GetValueOrDefault(name) is JsonValue value ? value.ToString() : null;

    internal string Place => $"row {Number} (line {Line})";

    internal string FieldNames => Fields.Count == 0 ? "no fields" : string.Join(", ", Fields.Keys);
}
