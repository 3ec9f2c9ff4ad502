using System.CommandLine;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Cli.Runs;

namespace Weft.Cli.Commands;

/// <summary><c>weft methods</c>: the methods there are, and a page for each, made from the registry and the documentation of the records.</summary>
internal static class MethodsCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var name = new Argument<string?>("NAME") { Description = "A method, in any case; without one all are listed.", Arity = ArgumentArity.ZeroOrOne, HelpName = "NAME" };
        name.CompletionSources.Add(SharedOptions.MethodNames);
        var json = SharedOptions.Json();
        var command = new Command("methods", "Lists the methods, or shows one: formula, paper, options.") { name, json };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(name) is not { } wanted) List(screen);
            else if (PeftMethods.All.TryGetValue(wanted, out var record)) Page(screen, PeftMethods.All.Keys.First(k => k.Equals(wanted, StringComparison.OrdinalIgnoreCase)), record);
            else throw new UsageException($"There is no method \"{wanted}\".{NearestName.Question(wanted, PeftMethods.All.Keys)} There are: {string.Join(", ", PeftMethods.All.Keys)}.");
            return ExitCode.Done;
        });
        return command.Examples("weft methods", "weft methods wegeft", "weft methods lora --json");
    }

    private static void List(Screen screen)
    {
        if (screen.IsJson)
        {
            screen.WriteJson(new JsonArray([.. PeftMethods.All.Select(m => (JsonNode)Node(m.Key, m.Value))]));
            return;
        }
        screen.Table(["method", "what it is", "paper"], PeftMethods.All.Select(m => new[] { m.Key.ToLowerInvariant(), XmlDocs.Of(m.Value.Assembly).Summary(m.Value), Paper(m.Value) }));
        screen.Say();
        screen.Say("weft methods NAME shows a method's formula and options.");
    }

    private static void Page(Screen screen, string name, Type record)
    {
        if (screen.IsJson)
        {
            screen.WriteJson(Node(name, record));
            return;
        }
        var docs = XmlDocs.Of(record.Assembly);
        screen.Head(docs.Summary(record));
        screen.Say();
        foreach (var line in docs.Formula(record).Split('\n')) screen.Say($"    {line}");
        screen.Say();
        screen.Say(docs.Remarks(record));
        screen.Say($"Paper: {Paper(record)}");
        screen.Head($"Options, in the section {name.ToLowerInvariant()}: of a run file; those with a name on the right also as adapter.NAME for any method");
        screen.Table(["option", "default", "", "adapter."], Options(record).Select(o => new[] { o.Key, o.Default, docs.Summary(o.Property), o.Neutral ?? "" }));
    }

    private static JsonObject Node(string name, Type record)
    {
        var docs = XmlDocs.Of(record.Assembly);
        return new JsonObject
        {
            ["name"] = name,
            ["summary"] = docs.Summary(record),
            ["formula"] = docs.Formula(record),
            ["remarks"] = docs.Remarks(record),
            ["paper"] = Paper(record),
            ["options"] = new JsonArray([.. Options(record).Select(o => (JsonNode)new JsonObject { ["key"] = o.Key, ["adapter_key"] = o.Neutral, ["default"] = o.Default, ["summary"] = docs.Summary(o.Property) })]),
        };
    }

    private static IEnumerable<(string Key, string? Neutral, string Default, PropertyInfo Property)> Options(Type record)
    {
        var pristine = Activator.CreateInstance(record);
        var neutral = Runs.Setting.Of(typeof(AdapterSection)).ToDictionary(s => s.Property.Name == nameof(AdapterSection.Scale) ? "UseRslora" : s.Property.Name, s => s.Key);
        return PeftConfig.Options(record).Select(o => (o.Key, neutral.GetValueOrDefault(o.Property.Name), Default(o.Property.GetValue(pristine)), o.Property));
    }

    private static string Default(object? value) => value is null ? "null" : JsonSerializer.Serialize(value, value.GetType());

    private static string Paper(Type record) => record.GetCustomAttribute<PeftMethodAttribute>()!.Paper;
}
