using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weft.Nn;

/// <summary>Reads values of a config.json and collects what is missing or of the wrong kind.</summary>
internal sealed class ConfigReader
{
    private readonly string path;
    private readonly List<string> problems;
    private readonly HashSet<string> refused;

    public ConfigReader(JsonObject config)
        : this(config, "", [], [])
    {
    }

    private ConfigReader(JsonObject config, string path, List<string> problems, HashSet<string> refused)
    {
        ArgumentNullException.ThrowIfNull(config);
        (Config, this.path, this.problems, this.refused) = (config, path, problems, refused);
    }

    public JsonObject Config { get; }

    /// <summary>Whether the key is there, if only with a null.</summary>
    public bool States(string key) => Config.ContainsKey(key);

    /// <summary>The first of these objects that has something in it; an empty one where none has. Its problems join these.</summary>
    public ConfigReader Part(params ReadOnlySpan<string> keys)
    {
        ConfigReader? part = null;
        foreach (var key in keys)
        {
            if (Config[key] is JsonObject { Count: > 0 } found) part ??= new ConfigReader(found, $"{path}{key}.", problems, refused);
            else if (Config[key] is not (null or JsonObject)) Refuse(key, "an object");
        }
        return part ?? new ConfigReader([], $"{path}{keys[^1]}.", problems, refused);
    }

    /// <summary>A whole number from 1 to 2³¹ − 1; where there is none or a null, what it is otherwise.</summary>
    public long Count(string key, long? otherwise = null)
    {
        if (Config[key] is null && otherwise is { } known) return known;
        if (Whole(key) is { } count) return count;
        Refuse(key, "a count above 0 and below 2³¹");
        return 1;
    }

    /// <summary>A whole number from 1 to 2³¹ − 1, or the null that is there; where there is none, what it is otherwise.</summary>
    public long? CountOrNull(string key, long otherwise)
    {
        if (!States(key)) return otherwise;
        if (Config[key] is null) return null;
        if (Whole(key) is { } count) return count;
        Refuse(key, "a count above 0 and below 2³¹, or null for none");
        return null;
    }

    /// <summary>A finite number above 0; where there is none or a null, what it is otherwise.</summary>
    public double Positive(string key, double? otherwise = null)
    {
        if (Config[key] is null && otherwise is { } known) return known;
        if (Finite(key) is { } number and > 0) return number;
        Refuse(key, "a number above 0");
        return otherwise ?? 1;
    }

    /// <summary>A finite number of at least 0; 0 where there is none or a null.</summary>
    public double NumberOrZero(string key)
    {
        if (Config[key] is null) return 0;
        if (Finite(key) is { } number and >= 0) return number;
        Refuse(key, "a number of at least 0");
        return 0;
    }

    public bool Flag(string key, bool otherwise)
    {
        if (Config[key] is null) return otherwise;
        if (Config[key] is JsonValue value && value.TryGetValue<bool>(out var flag)) return flag;
        Refuse(key, "true or false");
        return otherwise;
    }

    public string Word(string key, string otherwise)
    {
        if (!States(key)) return otherwise;
        if (Config[key] is JsonValue value && value.TryGetValue<string>(out var word)) return word;
        Refuse(key, "a word");
        return otherwise;
    }

    /// <summary>A rule between values; it says nothing where a value that it is about is refused already.</summary>
    public void Require(bool holds, string problem, params ReadOnlySpan<string> about)
    {
        if (holds) return;
        foreach (var key in about)
            if (refused.Contains(path + key)) return;
        problems.Add($"  {path}{problem}");
    }

    public void Finish(string source = "")
    {
        if (problems.Count > 0) throw new InvalidDataException($"The config{(source.Length > 0 ? $" of {source}" : "")} does not describe a model:\n{string.Join('\n', problems)}");
    }

    private long? Whole(string key) =>
        Number(key) is { } text && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var count) && count is > 0 and <= int.MaxValue ? count : null;

    private double? Finite(string key) =>
        Number(key) is { } text && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    // As text, since an int made in code reads neither as a long nor as a double.
    private string? Number(string key) => Config[key] is JsonValue value && value.GetValueKind() == JsonValueKind.Number ? value.ToJsonString() : null;

    private void Refuse(string key, string wanted)
    {
        if (!refused.Add(path + key)) return;
        problems.Add(States(key) ? $"  {path}{key}: {Config[key]?.ToJsonString() ?? "null"} for {wanted}" : $"  {path}{key}: missing");
    }
}
