using System.CommandLine;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Cli.Runs;
using static TorchSharp.torch;

namespace Weft.Cli.Commands;

/// <summary><c>weft merge</c>: writes a base with an adapter in its weights.</summary>
internal static class MergeCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var (model, adapter, force, type) = (SharedOptions.Model(), new Option<string>("--adapter") { Description = "The adapter or run folder.", HelpName = "DIR", Required = true }, SharedOptions.Force(), SharedOptions.Type("fp32"));
        var to = new Option<string>("--out") { Description = "The folder to write; it must not exist.", HelpName = "DIR", Required = true };
        var budget = new Option<double?>("--budget") { Description = "Largest relative difference of outputs that is allowed (default 1e-5).", HelpName = "X" };
        var command = new Command("merge", "Writes a model folder whose weights hold the adapter's change. It is computed in fp32 and checked on a probe; above the budget nothing is written.") { model, adapter, to, type, budget, force, SharedOptions.Json() };
        command.SetAction(parsed =>
        {
            var folder = parsed.GetRequiredValue(to);
            ModelFolder.RequireFree(folder);
            LoadedModel.UseThreads(null);
            var name = parsed.GetRequiredValue(model);
            var (tokenizer, generation) = (LoadedModel.TokenizerOrNull(name), LoadedModel.GenerationOf(name));
            using var loaded = LoadedModel.Open(screen, name, PrecisionChoice.Fp32);
            var set = AdapterSet.Load(AdapterFolders.Find(parsed.GetRequiredValue(adapter)), loaded, force: parsed.GetValue(force));
            foreach (var note in set.Notes) screen.Say(note);
            var report = screen.While("Merging, and checking that outputs stay", () => Merging.Into(loaded, budget: parsed.GetValue(budget)).Report);
            var written = parsed.GetValue(type) == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32;
            var bytes = screen.While($"Writing {folder}", () => ModelFolder.Write(folder, loaded, tokenizer, generation, written));
            if (screen.IsJson)
                screen.WriteJson(new JsonObject { ["folder"] = folder, ["tensors"] = report.Tensors.Count, ["largest_relative_difference"] = report.LargestRelativeDifference, ["budget"] = report.Budget, ["dtype"] = LoadedModel.NameOf(written), ["bytes"] = bytes });
            else
            {
                screen.Say(FormattableString.Invariant($"Merged {set.Config.PeftType} into {report.Tensors.Count} tensors: outputs moved by {report.LargestRelativeDifference:0.00e+0} of their largest value ({report.Budget:0e+0} is allowed)."));
                if (written == ScalarType.BFloat16) screen.Say("Weights are rounded once to bf16, to the nearest, ties to even.");
                screen.Say($"Written: {folder} ({Bytes.Text(bytes)})");
            }
            return ExitCode.Done;
        });
        return command.Examples("weft merge --model weft-tiny --adapter out/quickstart-1 --out merged", "weft merge --model my.gguf --adapter out/chat-1 --out merged --dtype bf16");
    }
}
