using System.CommandLine;
using System.Reflection;
using Weft.Cli.Commands;
using Weft.Cli.Verification;

namespace Weft.Cli;

/// <summary>The verbs of <c>weft</c>, and what happens to a line that is typed.</summary>
internal static class CommandLine
{
    /// <summary>Runs a line and returns its exit code; no exception leaves it.</summary>
    /// <param name="args">The words after <c>weft</c>.</param>
    /// <param name="screen">Where it reads and writes.</param>
    public static int Run(IReadOnlyList<string> args, Screen screen)
    {
        try
        {
            if (args is ["--version"])
            {
                screen.Output.WriteLine(Version);
                return ExitCode.Done;
            }
            var root = Root(screen);
            var parsed = root.Parse([.. args], new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (args.Contains("--json") && (parsed.CommandResult.Command == root || parsed.CommandResult.Command.Options.Any(o => o.Name == "--json"))) screen.UseJson();
            if (parsed.Errors.Count > 0 && !WithExamples.IsHelp(parsed))
                throw new UsageException(Usage.ProblemsOf(parsed));
            return parsed.Invoke(new InvocationConfiguration { Output = screen.Output, Error = screen.Error, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (Exception e)
        {
            return Failure.Of(e).Report(screen, e);
        }
    }

    /// <summary>The version, with the commit where it is known.</summary>
    public static string Version => typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    // Nothing here may touch a type of the library: help must not load libtorch.
    internal static RootCommand Root(Screen screen)
    {
        var root = new RootCommand("Fine-tunes Hugging Face models with small adapters (WeGeFT, LoRA …), evaluates, chats, merges and exports them.")
        {
            TrainCommand.Create(screen),
            EvaluateCommand.Create(screen),
            GenerateCommand.Create(screen),
            PlanCommand.Create(screen),
            MergeCommand.Create(screen),
            ExportCommand.Create(screen),
            ConvertCommand.Create(screen),
            InspectCommand.Create(screen),
            MethodsCommand.Create(screen),
            ModelsCommand.Create(screen),
            VerifyCommand.Create(screen),
            DoctorCommand.Create(screen),
            SchemaCommand.Create(screen),
            CompletionCommand.Create(screen),
        };
        WithExamples.Apply(root, "weft train recipes/quickstart.yaml", "weft train --model my.gguf --data chats.jsonl", "weft generate --model weft-tiny \"Once upon a time\"", "weft train --help");
        return root;
    }
}
