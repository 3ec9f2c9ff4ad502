using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Adapters;

namespace Weft.Cli.Runs;

/// <summary>Puts the words that methods have in common into the options of one method.</summary>
internal static class MethodOptions
{
    private const string TargetModules = "target_modules";

    /// <summary>The config of the run's method.</summary>
    /// <exception cref="JsonException">A value the method does not take.</exception>
    public static PeftConfig ConfigOf(RunFile run)
    {
        var options = OptionsOf(run, [], SourceDocument.Empty);
        if (!TrainsEverything(run) && !options.ContainsKey(TargetModules)) options[TargetModules] = Targets.AllLinear;
        return PeftConfig.FromOptions(run.Method, options.ToJsonString());
    }

    /// <summary>Whether the run trains the weights themselves and leaves a model behind, not an adapter.</summary>
    public static bool TrainsEverything(RunFile run) => run.Method.Equals("full", StringComparison.OrdinalIgnoreCase);

    /// <summary>Options that the run's method does not have.</summary>
    public static IReadOnlyList<string> ProblemsOf(RunFile run, SourceDocument source)
    {
        var problems = new List<string>();
        OptionsOf(run, problems, source);
        return problems;
    }

    /// <summary>Empties the common words that stand only in the defaults where the method's own section has the option.</summary>
    public static void DropOverruled(RunFile run, SourceDocument source)
    {
        if (!run.Methods.TryGetValue(run.Method, out var own)) return;
        var known = PeftConfig.Options(PeftMethods.Find(run.Method));
        foreach (var setting in Setting.Of(typeof(AdapterSection)).Where(s => !source.Has("adapter", s.Key)))
            if (OptionFor(setting, known) is { } option && own.ContainsKey(option)) setting.Put(run.Adapter, null);
    }

    private static string? OptionFor(Setting setting, IReadOnlyList<(string Key, PropertyInfo Property)> known) => known.FirstOrDefault(o => o.Property.Name == NameOf(setting)).Key;

    private static string NameOf(Setting setting) => setting.Property.Name == nameof(AdapterSection.Scale) ? "UseRslora" : setting.Property.Name;

    private static JsonObject OptionsOf(RunFile run, List<string> problems, SourceDocument source)
    {
        var record = PeftMethods.Find(run.Method);
        var method = record.Name.Replace("Config", "", StringComparison.Ordinal);
        var known = PeftConfig.Options(record);
        var options = new JsonObject();
        var common = new Dictionary<string, string>();
        foreach (var setting in Setting.Of(typeof(AdapterSection)))
        {
            if (setting.Get(run.Adapter) is not { } value) continue;
            if (OptionFor(setting, known) is { } option) (options[option], common[option]) = (Node(value), $"adapter.{setting.Key}");
            else problems.Add($"{source.At($"adapter.{setting.Key}")}: {method} has no such option. It has: {string.Join(", ", Neutral(known.Select(o => o.Property.Name)))}. adapter=null takes the method's defaults.");
        }
        foreach (var (key, value) in run.Methods.TryGetValue(run.Method, out var own) ? own : [])
        {
            var written = source.At($"{run.Method.ToLowerInvariant()}.{key}");
            if (common.TryGetValue(key, out var word) && !JsonNode.DeepEquals(options[key], value))
                problems.Add($"{written} is {value?.ToJsonString() ?? "null"} and {source.At(word)} is {options[key]?.ToJsonString() ?? "null"}, two words for one option. Give one of them, or set {word}=null.");
            else if (known.Any(o => o.Key == key)) options[key] = value?.DeepClone();
            else problems.Add($"{written}: {method} has no such option.{NearestName.Question(key, known.Select(o => o.Key))} It has: {string.Join(", ", known.Select(o => o.Key))}.");
        }
        return options;
    }

    private static IEnumerable<string> Neutral(IEnumerable<string> names)
    {
        var all = names.ToHashSet();
        return Setting.Of(typeof(AdapterSection)).Where(s => all.Contains(NameOf(s))).Select(s => s.Key);
    }

    private static JsonNode? Node(object value) => value switch
    {
        ScaleRule rule => rule == ScaleRule.Sqrt,
        double number when number == Math.Floor(number) && Math.Abs(number) < int.MaxValue => JsonValue.Create((long)number),
        _ => JsonSerializer.SerializeToNode(value, value.GetType()),
    };
}
