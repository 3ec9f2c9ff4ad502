using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Weft.Cli.Runs;

/// <summary>Writes a run as YAML that reads as the same run from any folder.</summary>
internal static partial class RunFileWriter
{
    private static readonly JsonSerializerOptions relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The run as YAML, every setting with its value.</summary>
    public static string Write(RunFile run)
    {
        var text = new StringBuilder();
        Append(text, Values(run), "");
        return text.ToString();
    }

    /// <summary>The run as JSON values.</summary>
    public static JsonObject Values(RunFile run)
    {
        var values = (JsonObject)Node(run)!;
        foreach (var (method, section) in run.Methods) values[method.ToLowerInvariant()] = section.DeepClone();
        return values;
    }

    private static JsonNode? Node(object? value) => value switch
    {
        null => null,
        JsonNode node => node.DeepClone(),
        string or bool or int or long or double => JsonSerializer.SerializeToNode(value, value.GetType()),
        Enum word => Binder.WordOf(word),
        IDictionary map => new JsonObject(map.Keys.Cast<string>().Select(k => KeyValuePair.Create(k, Node(map[k])))),
        IEnumerable list => new JsonArray([.. list.Cast<object>().Select(Node)]),
        _ => Section(value),
    };

    private static JsonObject Section(object record)
    {
        var members = new JsonObject();
        var defaults = Activator.CreateInstance(record.GetType())!;
        foreach (var setting in Setting.Of(record.GetType()).Where(s => s.Property.GetMethod!.IsPublic))
        {
            var value = setting.Get(record);
            if (value is null && setting.Get(defaults) is null) continue; // not given, and nothing stands for it
            // The file is read again from another folder; what was relative to this one would mean another place.
            members[setting.Key] = Node(value is string path && setting.Property.GetCustomAttribute<PathAttribute>() is { OrName: false } ? Path.GetFullPath(path) : value);
        }
        return members;
    }

    private static void Append(StringBuilder text, JsonObject members, string indent)
    {
        foreach (var (key, value) in members)
        {
            if (value is JsonObject { Count: > 0 } section)
            {
                text.Append(CultureInfo.InvariantCulture, $"{indent}{Scalar(key)}:\n");
                Append(text, section, indent + "  ");
                continue;
            }
            text.Append(CultureInfo.InvariantCulture, $"{indent}{Scalar(key)}: {(value is JsonValue scalar && scalar.TryGetValue<string>(out var word) ? Scalar(word) : value?.ToJsonString(relaxed) ?? "null")}\n");
        }
    }

    // Text in JSON's quotes is text in YAML too; bare words are left bare where nothing else can be meant.
    private static string Scalar(string word) => Bare().IsMatch(word) && word is not ("true" or "false" or "null") ? word : JsonSerializer.Serialize(word, relaxed);

    [GeneratedRegex(@"^(?![Nn]ull$|NULL$|[Tt]rue$|TRUE$|[Ff]alse$|FALSE$)[A-Za-z_/][A-Za-z0-9_./-]*\z")]
    private static partial Regex Bare();
}
