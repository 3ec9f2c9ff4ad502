using System.CommandLine;
using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Cli.Runs;
using Weft.Models;
using static TorchSharp.torch;

namespace Weft.Cli.Commands;

/// <summary><c>weft convert</c>: a GGUF file, or another model, as a folder in Hugging Face's layout.</summary>
internal static class ConvertCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var file = new Argument<string>("MODEL") { Description = "The GGUF file, or any other model: a folder is written anew in the type asked for." };
        var to = new Argument<string>("DIR") { Description = "The folder to write; absent, or empty." };
        var (type, threads) = (SharedOptions.Type("bf16"), SharedOptions.Threads());
        var command = new Command("convert", "Writes a GGUF file (or another model) as a folder in Hugging Face's layout: config, weights, tokenizer.") { file, to, type, threads, SharedOptions.Json() };
        command.SetAction(parsed =>
        {
            var (from, folder) = (parsed.GetRequiredValue(file), parsed.GetRequiredValue(to));
            ModelFolder.RequireFree(folder);
            LoadedModel.UseThreads(parsed.GetValue(threads));
            var written = parsed.GetValue(type) == "bf16" ? ScalarType.BFloat16 : ScalarType.Float32;
            var beside = SideFiles.Of(from);
            using var model = LoadedModel.Open(screen, from, written == ScalarType.BFloat16 ? PrecisionChoice.Bf16 : PrecisionChoice.Fp32);
            model.CheckFinite();
            var bytes = screen.While($"Writing {folder}", () => ModelFolder.Write(folder, model, beside, written));
            if (screen.IsJson) screen.WriteJson(new JsonObject { ["folder"] = folder, ["dtype"] = LoadedModel.NameOf(written), ["bytes"] = bytes, ["tensors"] = model.Tensors.Count(t => t.TiedTo is null), ["tokenizer"] = beside.HasTokenizer });
            else
            {
                screen.Say($"Written: {folder}, {model.Tensors.Count(t => t.TiedTo is null)} tensors in {LoadedModel.NameOf(written)} ({Bytes.Text(bytes)}){(beside.HasTokenizer ? " and the tokenizer" : ", no tokenizer")}.");
                screen.Say(Rounding(from, written));
            }
            return ExitCode.Done;
        });
        return command.Examples("weft convert SmolLM2-135M-Instruct-Q4_K_M.gguf smollm2", "weft convert model.gguf folder --dtype fp32");
    }

    // Numbers that float32 cannot hold bit for bit are rounded on the way to it.
    private static string Rounding(string model, ScalarType written)
    {
        using var file = Checkpoint.Open(Pretrained.Find(model));
        var wide = file.Tensors.Values.Select(t => t.Kind).Where(k => k is "F64" or "I64" or "I32").Distinct().ToList();
        var toFloat = wide.Count == 0 ? "taken to float32" : $"taken to float32, those stored as {string.Join(" and ", wide)} rounded to it";
        return written == ScalarType.BFloat16 ? $"Weights were {toFloat} and rounded {ModelFolder.Rounding}; --dtype fp32 {(wide.Count == 0 ? "keeps every bit" : "leaves that out")}."
            : wide.Count == 0 ? "Weights were taken to float32; no bit was rounded." : $"Weights were {toFloat}, to the nearest, ties to even.";
    }
}
