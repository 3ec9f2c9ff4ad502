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

    private static JsonObject OptionsOf(RunFile run, List<string> problems, SourceDocument source)
    {
        var record = PeftMethods.Find(run.Method);
        var method = record.Name.Replace("Config", "", StringComparison.Ordinal);
        var known = PeftConfig.Options(record);
        var options = new JsonObject();
        foreach (var (key, property, _) in Setting.Of(typeof(AdapterSection)))
        {
            if (property.GetValue(run.Adapter) is not { } value) continue;
            var name = property.Name == nameof(AdapterSection.Scale) ? "UseRslora" : property.Name;
            if (known.FirstOrDefault(o => o.Property.Name == name).Key is { } option) options[option] = Node(value);
            else problems.Add($"{source.At($"adapter.{key}")}: {method} has no such option. It has: {string.Join(", ", Neutral(known.Select(o => o.Property.Name)))}. adapter=null takes the method's defaults.");
        }
        foreach (var (key, value) in run.Methods.TryGetValue(run.Method, out var own) ? own : [])
        {
            if (known.Any(o => o.Key == key)) options[key] = value?.DeepClone();
            else problems.Add($"{source.At($"{run.Method.ToLowerInvariant()}.{key}")}: {method} has no such option.{NearestName.Question(key, known.Select(o => o.Key))} It has: {string.Join(", ", known.Select(o => o.Key))}.");
        }
        return options;
    }

    private static IEnumerable<string> Neutral(IEnumerable<string> names)
    {
        var all = names.ToHashSet();
        return Setting.Of(typeof(AdapterSection)).Where(s => all.Contains(s.Property.Name == nameof(AdapterSection.Scale) ? "UseRslora" : s.Property.Name)).Select(s => s.Key);
    }

    private static JsonNode? Node(object value) => value switch
    {
        ScaleRule rule => rule == ScaleRule.Sqrt,
        double number when number == Math.Floor(number) && Math.Abs(number) < int.MaxValue => JsonValue.Create((long)number),
        _ => JsonSerializer.SerializeToNode(value, value.GetType()),
    };
}
