using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data.Tokenization;

/// <summary>Reading the members of a component of tokenizer.json, with every problem noted instead of thrown.</summary>
internal static class ComponentJson
{
    /// <summary>The component's type, or null where it is missing or not among the known ones.</summary>
    public static string? Type(this JsonNode json, string where, string kind, string[] known, Problems problems)
    {
        var type = json is JsonObject ? (json["type"] as JsonValue)?.ToString() : null;
        if (type is null) problems.Add($"{where} is no object with a \"type\"");
        else if (!known.Contains(type)) problems.Add($"{where}: \"{type}\" is {kind} that this engine does not have; it has {string.Join(", ", known)}");
        else return type;
        return null;
    }

    public static string Text(this JsonNode json, string key, string where, Problems problems)
    {
        if (json is JsonObject && json[key] is JsonValue value && value.TryGetValue<string>(out var text)) return text;
        problems.Add($"{where}.{key} is not a string");
        return "";
    }

    public static bool Flag(this JsonNode json, string key, bool fallback, string where, Problems problems)
    {
        if (json is not JsonObject || json[key] is not { } node) return fallback;
        if (node is JsonValue value && value.TryGetValue<bool>(out var flag)) return flag;
        problems.Add($"{where}.{key} is neither true nor false");
        return fallback;
    }

    public static int Number(this JsonNode json, string key, int fallback, string where, Problems problems)
    {
        if (json is not JsonObject || json[key] is not { } node) return fallback;
        if (node is JsonValue value && value.TryGetValue<int>(out var number) && number >= 0) return number;
        problems.Add($"{where}.{key} is not a number from 0 to {int.MaxValue}");
        return fallback;
    }

    public static IEnumerable<JsonNode?> Items(this JsonNode json, string key, string where, Problems problems)
    {
        if (json is JsonObject && json[key] is JsonArray array) return array;
        problems.Add($"{where}.{key} is not a list");
        return [];
    }

    /// <summary>The string of a {"String": …} pattern; regular expressions are refused.</summary>
    public static string Pattern(this JsonNode json, string where, Problems problems)
    {
        if (json["pattern"] is JsonObject pattern && pattern["String"] is JsonValue value && value.TryGetValue<string>(out var text)) return text;
        problems.Add($"{where}.pattern is {json["pattern"]?.ToJsonString() ?? "missing"}; this engine has patterns of the form {{\"String\": …}}");
        return "";
    }

    /// <summary>Whether a key is there and is not one of the values that mean "off".</summary>
    public static bool IsActive(this JsonObject json, string key) =>
        json[key] is { } node && node.GetValueKind() is not JsonValueKind.False && !(node is JsonValue v && ((v.TryGetValue<string>(out var s) && s.Length == 0) || (v.TryGetValue<double>(out var d) && d == 0)));
}
