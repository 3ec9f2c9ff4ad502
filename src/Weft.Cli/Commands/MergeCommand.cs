using System.CommandLine;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Cli.Runs;
using Weft.Models;
using static TorchSharp.torch;

namespace Weft.Cli.Commands;

/// <summary><c>weft merge</c>: writes a base with an adapter in its weights.</summary>
internal static class MergeCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var (model, adapter, force, type, threads) = (SharedOptions.Model(), SharedOptions.Adapter(), SharedOptions.Force(), SharedOptions.Type("fp32"), SharedOptions.Threads());
        var to = SharedOptions.Out();
        var budget = new Option<double?>("--budget") { Description = "Largest relative difference of outputs that is allowed, in fp32, before weights are rounded to --dtype (default 1e-5).", HelpName = "X" };
        var command = new Command("merge", "Writes a model folder whose weights hold the adapter's change. It is computed in fp32 and checked on a probe before anything is rounded; above the budget nothing is written.") { model, adapter, to, type, budget, force, threads, SharedOptions.Json() };
        command.SetAction(parsed =>
        {
            var folder = parsed.GetRequiredValue(to);
            ModelFolder.RequireFree(folder);
            LoadedModel.UseThreads(parsed.GetValue(threads));
            var name = parsed.GetRequiredValue(model);
            var beside = SideFiles.Of(name);
            var written = parsed.GetValue(type) == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32;
            var (report, method, outputs, bytes) = Merge(parsed.GetRequiredValue(adapter), parsed.GetValue(force), parsed.GetValue(budget), beside, written);
            var moved = screen.While($"Checking {folder}", () => Difference(folder, outputs));
            outputs.Dispose();
            if (screen.IsJson)
                screen.WriteJson(new JsonObject
                {
                    ["folder"] = folder,
                    ["tensors"] = report.Tensors.Count,
                    ["largest_relative_difference"] = report.LargestRelativeDifference,
                    ["budget"] = report.Budget,
                    ["dtype"] = LoadedModel.NameOf(written),
                    ["rounding"] = written == ScalarType.BFloat16 ? ModelFolder.Rounding : null,
                    ["largest_relative_difference_as_written"] = moved,
                    ["bytes"] = bytes,
                });
            else
            {
                screen.Say(FormattableString.Invariant($"Merged {method} into {report.Tensors.Count} tensors: outputs moved by {report.LargestRelativeDifference:0.00e+0} of their largest value ({report.Budget:0e+0} is allowed)."));
                if (written == ScalarType.BFloat16) screen.Say(FormattableString.Invariant($"Weights are rounded {ModelFolder.Rounding}: as written, outputs moved by {moved:0.00e+0}, which the budget does not limit."));
                screen.Say($"Written: {folder} ({Bytes.Text(bytes)})");
            }
            return ExitCode.Done;

            // The model is let go before what was written is opened, so that the two are not held at once.
            (MergeReport, string Method, Tensor Outputs, long Bytes) Merge(string adapter, bool force, double? budget, SideFiles beside, ScalarType written)
            {
                using var loaded = LoadedModel.Open(screen, name, PrecisionChoice.Fp32);
                loaded.CheckFinite();
                var set = AdapterSet.Load(AdapterFolders.Find(adapter), loaded, force: force);
                foreach (var note in set.Notes) screen.Say(note);
                var outputs = loaded.Probe();
                var report = screen.While("Merging, and checking that outputs stay", () => Merging.Into(loaded, budget: budget).Report);
                return (report, set.Config.PeftType, outputs, screen.While($"Writing {folder}", () => ModelFolder.Write(folder, loaded, beside, written)));
            }
        });
        return command.Examples("weft merge --model weft-tiny --adapter out/quickstart-1 --out merged", "weft merge --model my.gguf --adapter out/chat-1 --out merged --dtype bf16");
    }

    // How far the outputs of the folder lie from others, computed in fp32.
    private static double Difference(string folder, Tensor outputs)
    {
        using var scope = NewDisposeScope();
        using var none = no_grad();
        using var model = Pretrained.Load(folder);
        return LoadedModel.Difference(model.Probe(), outputs);
    }
}
