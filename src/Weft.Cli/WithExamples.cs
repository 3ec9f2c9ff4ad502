using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;

namespace Weft.Cli;

/// <summary>Help that ends with examples.</summary>
internal static class WithExamples
{
    private static readonly ConditionalWeakTable<Command, string[]> examples = [];

    /// <summary>Gives a verb its examples.</summary>
    /// <param name="command">The verb.</param>
    /// <param name="lines">Lines to type.</param>
    public static Command Examples(this Command command, params string[] lines)
    {
        examples.AddOrUpdate(command, lines);
        return command;
    }

    /// <summary>Lets the help of all verbs show their examples.</summary>
    public static void Apply(RootCommand root, params string[] lines)
    {
        examples.AddOrUpdate(root, lines);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new Action((HelpAction)help.Action!);
    }

    /// <summary>Whether a line asks for help.</summary>
    public static bool IsHelp(ParseResult parsed) => parsed.Action is Action or HelpAction;

    private sealed class Action(HelpAction inner) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var code = inner.Invoke(parseResult);
            if (!examples.TryGetValue(parseResult.CommandResult.Command, out var lines)) return code;
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Examples:");
            foreach (var line in lines) output.WriteLine($"  {line}");
            output.WriteLine();
            return code;
        }
    }
}
