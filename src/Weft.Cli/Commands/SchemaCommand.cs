using System.CommandLine;
using Weft.Cli.Runs;

namespace Weft.Cli.Commands;

/// <summary><c>weft schema</c>: the JSON schema of run files, for editors.</summary>
internal static class SchemaCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var command = new Command("schema", "Writes the JSON schema of run files, by which editors complete and check them.");
        command.SetAction(_ =>
        {
            screen.WriteJson(RunFileSchema.Create());
            return ExitCode.Done;
        });
        return command.Examples("weft schema > docs/run-file.schema.json");
    }
}
