using System.Text.Json.Nodes;

namespace Weft.Models;

/// <summary>Reads values of a config.json and collects what is missing or of the wrong kind.</summary>
internal sealed class ConfigReader(JsonObject config)
{
    private readonly List<string> problems = [];

    public long Count(string key, long? otherwise = null)
    {
        switch (config[key])
        {
            case null when otherwise is { } known:
                return known;
            case null:
                problems.Add($"  {key}: missing");
                return 1;
            case JsonValue value when value.TryGetValue<long>(out var count) && count > 0:
                return count;
            default:
                problems.Add($"  {key}: {config[key]!.ToJsonString()} for a count above 0");
                return 1;
        }
    }

    public double Number(string key, double otherwise)
    {
        if (config[key] is null) return otherwise;
        if (config[key] is JsonValue value && value.TryGetValue<double>(out var number)) return number;
        problems.Add($"  {key}: {config[key]!.ToJsonString()} for a number");
        return otherwise;
    }

    public bool Flag(string key, bool otherwise)
    {
        if (config[key] is null) return otherwise;
        if (config[key] is JsonValue value && value.TryGetValue<bool>(out var flag)) return flag;
        problems.Add($"  {key}: {config[key]!.ToJsonString()} for true or false");
        return otherwise;
    }

    public string Word(string key, string otherwise)
    {
        if (config[key] is null) return otherwise;
        if (config[key] is JsonValue value && value.TryGetValue<string>(out var word)) return word;
        problems.Add($"  {key}: {config[key]!.ToJsonString()} for a word");
        return otherwise;
    }

    public void Require(bool holds, string problem)
    {
        if (!holds) problems.Add($"  {problem}");
    }

    public void Finish(string source)
    {
        if (problems.Count > 0) throw new InvalidDataException($"The config of {(source.Length > 0 ? source : "the model")} does not describe a model:\n{string.Join('\n', problems)}");
    }
}
