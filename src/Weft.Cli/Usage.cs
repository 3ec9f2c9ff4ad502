using System.CommandLine;
using System.CommandLine.Parsing;
using Weft.Cli.Runs;

namespace Weft.Cli;

/// <summary>What is wrong with a typed line, with the nearest known word.</summary>
internal static class Usage
{
    /// <summary>Every problem of a line, one a line, and where help is.</summary>
    public static string ProblemsOf(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var unmatched = parsed.UnmatchedTokens.ToHashSet(StringComparer.Ordinal);
        var problems = new List<string>();
        // Where no verb is known, --json says how to say so.
        var words = parsed.UnmatchedTokens.Where(t => !t.StartsWith('-')).ToList();
        foreach (var token in parsed.UnmatchedTokens.Where(t => command is not RootCommand || t != "--json").Where(t => command.Subcommands.Count == 0 || t.StartsWith('-') || t == words[0])) // behind an unknown verb stand its arguments
            problems.Add(token.StartsWith('-') ? UnknownOption(command, token)
                : command.Subcommands.Count > 0 ? UnknownVerb(command, token)
                : $"\"{token}\" is one word too many for {Name(command)}.");
        // The library's own words for the same tokens name no neighbour; the rest of its errors stand.
        problems.AddRange(parsed.Errors.Select(Text).Where(m => !unmatched.Any(u => m.Contains($"'{u}'", StringComparison.Ordinal)) && (problems.Count == 0 || m != "Required command was not provided."))
            .Select(m => m == "Required command was not provided." ? $"A verb is missing. There are: {Verbs(command)}." : m));
        return $"{string.Join('\n', problems.Distinct())}\n`{Name(command)} --help` shows what is possible.";
    }

    /// <summary>Says that a verb has no such option, with the nearest it has.</summary>
    public static string UnknownOption(Command command, string token)
    {
        var name = token.Split('=')[0];
        var known = command.Options.Concat(command.Parents.OfType<Command>().SelectMany(p => p.Options).Where(o => o.Recursive)).Select(o => o.Name).Distinct().ToList();
        return $"{Name(command)} has no option {name}.{NearestName.Question(name, known)} It has: {string.Join(", ", known.Order(StringComparer.Ordinal))}.";
    }

    // A value of the wrong kind: the library names the kind as .NET does.
    private static string Text(ParseError error)
    {
        if (error.SymbolResult is not OptionResult { Tokens: [var token, ..] } result || !error.Message.StartsWith("Cannot parse argument", StringComparison.Ordinal)) return error.Message;
        var type = Binder.Plain(result.Option.ValueType);
        var wanted = type.IsEnum ? string.Join(" or ", Binder.WordsOf(type)) : Binder.Wanted(type);
        return $"{result.Option.Name} is {token.Value}; it is to be {wanted}.";
    }

    private static string UnknownVerb(Command command, string token) =>
        $"{Name(command)} has no verb \"{token}\".{NearestName.Question(token, command.Subcommands.Select(c => c.Name))} There are: {Verbs(command)}.";

    private static string Verbs(Command command) => string.Join(", ", command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name));

    private static string Name(Command command) => command is RootCommand ? "weft" : $"weft {command.Name}";
}
