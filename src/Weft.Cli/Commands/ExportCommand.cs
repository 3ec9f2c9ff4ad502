using System.CommandLine;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Cli.Runs;
using static TorchSharp.torch;

namespace Weft.Cli.Commands;

/// <summary><c>weft export</c>: an adapter as one that other programs read.</summary>
internal static class ExportCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var (model, force, threads) = (SharedOptions.Model(), SharedOptions.Force(), SharedOptions.Threads());
        var adapter = SharedOptions.Adapter();
        var kind = new Option<string>("--to") { Description = "What to write: lora.", HelpName = "lora", Required = true };
        var to = SharedOptions.Out();
        var command = new Command("export", "Writes an adapter as a LoRA adapter of Hugging Face PEFT: the same function, exactly, for methods that are a low-rank change of weights.") { model, adapter, kind, to, force, threads, SharedOptions.Json() };
        command.SetAction(parsed =>
        {
            if (parsed.GetRequiredValue(kind) is not "lora" and var other) throw new UsageException($"--to is {other}; lora is what can be written.");
            var folder = parsed.GetRequiredValue(to);
            ModelFolder.RequireFree(folder);
            LoadedModel.UseThreads(parsed.GetValue(threads));
            using var loaded = LoadedModel.Open(screen, parsed.GetRequiredValue(model), PrecisionChoice.Fp32);
            var set = AdapterSet.Load(AdapterFolders.Find(parsed.GetRequiredValue(adapter)), loaded, force: parsed.GetValue(force));
            foreach (var note in set.Notes) screen.Say(note);
            var difference = screen.While($"Writing {folder}, and checking it", () => Export(set, folder));
            if (screen.IsJson) screen.WriteJson(new JsonObject { ["folder"] = folder, ["modules"] = set.Places.Count, ["largest_relative_difference"] = difference });
            else screen.Say(FormattableString.Invariant($"Written: {folder}, LoRA at {set.Places.Count} modules. Loaded again, outputs differ by {difference:0.00e+0} of their largest value."));
            return ExitCode.Done;
        });
        return command.Examples("weft export --to lora --model weft-tiny --adapter out/quickstart-1 --out lora");
    }

    // Writes the folder, loads it again in place of the adapter, and takes it back where it is not the same function.
    private static double Export(AdapterSet set, string folder)
    {
        const double budget = 1e-4; // two roundings of fp32 through every layer stay far below it
        using var scope = NewDisposeScope();
        using var none = no_grad();
        var before = set.Model.Probe();
        LoraExport.Write(set, folder);
        var exported = AdapterSet.Load(folder, set.Model, "exported");
        var difference = LoadedModel.Difference(set.Model.Probe(), before);
        exported.Detach();
        if (difference <= budget) return difference;
        Directory.Delete(folder, recursive: true);
        throw new InvalidOperationException($"The exported LoRA moves the outputs by {difference:e2} of their largest value, more than {budget:e0}; nothing was written.");
    }
}
