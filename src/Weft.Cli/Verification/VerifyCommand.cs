using System.CommandLine;
using Weft.Cli.Commands;

namespace Weft.Cli.Verification;

/// <summary><c>weft verify</c>: compares a model with what another implementation made of the same inputs.</summary>
internal static class VerifyCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var folder = new Argument<string?>("CASE") { Description = "A folder with case.json, inputs.safetensors and outputs.safetensors, and a model in it or named by it.", Arity = ArgumentArity.ZeroOrOne };
        var model = new Option<string?>("--model") { Description = "weft-tiny, a folder, a .gguf file, or org/name in the local Hugging Face cache.", HelpName = "M" };
        var adapter = new Option<string?>("--adapter") { Description = "An adapter folder.", HelpName = "DIR" };
        var inputs = new Option<string?>("--inputs") { Description = "A safetensors file: input_ids and perhaps attention_mask, position_ids, labels, with a prefix for each further run.", HelpName = "FILE" };
        var expected = new Option<string?>("--expected") { Description = "A safetensors file of what the other implementation gave.", HelpName = "FILE" };
        var gradientsOf = new Option<string?>("--gradients-of") { Description = "The run whose loss the gradients are of.", HelpName = "GROUP" };
        var threads = SharedOptions.Threads();
        var command = new Command("verify", "Runs a model in fp32 on given inputs and compares logits, losses, hidden states, gradients, generated tokens and merged weights with those exported from another implementation.")
        {
            folder, model, adapter, inputs, expected, gradientsOf, threads, SharedOptions.Json(),
        };
        command.Validators.Add(result =>
        {
            var parts = new[] { model, inputs, expected };
            var given = parts.Append(adapter).Where(o => result.GetResult(o) is not null).Select(o => o.Name).ToList();
            if (result.GetResult(folder) is { Tokens.Count: > 0 })
            {
                if (given.Count > 0) result.AddError($"A case names its own model and files: leave out {string.Join(", ", given)}, or the case.");
                return;
            }
            var missing = parts.Where(o => result.GetResult(o) is null).Select(o => o.Name).ToList();
            if (missing.Count > 0) result.AddError($"verify needs a case folder, or --model, --inputs and --expected. Missing: {(given.Count == 0 ? "all of them" : string.Join(", ", missing))}.");
        });
        command.SetAction(parsed =>
        {
            LoadedModel.UseThreads(parsed.GetValue(threads));
            var request = parsed.GetValue(folder) is { } path ? CaseFolder.Read(path)
                : new VerifyRequest(parsed.GetValue(model)!, parsed.GetValue(adapter), parsed.GetValue(inputs)!, parsed.GetValue(expected)!);
            if (parsed.GetValue(gradientsOf) is { } run) request = request with { GradientsOf = run };
            var report = screen.While($"Comparing with {request.Expected}", () => Verifier.Run(request));
            if (screen.IsJson) screen.WriteJson(report.ToJson());
            else foreach (var line in report.Lines()) screen.Say(line);
            return report.Passed ? ExitCode.Done : ExitCode.Failed;
        });
        return command.Examples("weft verify my-case", "weft verify --model my-model --adapter my-adapter --inputs inputs.safetensors --expected outputs.safetensors --json");
    }
}
