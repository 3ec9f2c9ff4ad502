using System.CommandLine;
using System.Text.Json.Nodes;
using Weft.Models;

namespace Weft.Cli.Commands;

/// <summary><c>weft models</c>: the families that can be loaded and the bases that are built in.</summary>
internal static class ModelsCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var command = new Command("models", "Lists the model families that can be loaded and the built-in bases.") { SharedOptions.Json() };
        command.SetAction(_ =>
        {
            var families = Architectures.All.ToList();
            if (screen.IsJson)
            {
                screen.WriteJson(new JsonObject
                {
                    ["families"] = new JsonArray([.. families.Select(f => (JsonNode)f)]),
                    ["built_in"] = new JsonArray([.. BuiltInBases.Names.Select(b => (JsonNode)b)]),
                });
                return ExitCode.Done;
            }
            screen.Say($"Families (model_type of config.json): {string.Join(", ", families)}");
            screen.Say($"Built-in bases: {string.Join(", ", BuiltInBases.Names)}");
            screen.Say("A model is named by a folder in Hugging Face's layout, a .gguf file or a folder that holds one, org/name in the local Hugging Face cache, or a built-in base.");
            return ExitCode.Done;
        });
        return command.Examples("weft models", "weft inspect weft-tiny");
    }
}
