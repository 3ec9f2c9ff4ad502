using System.CommandLine;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Cli.Finetuning;
using Weft.Data;
using Weft.Models;

namespace Weft.Cli.Commands;

/// <summary><c>weft eval</c>: loss and perplexity on rows, exact match of generated answers, accuracy among choices.</summary>
internal static class EvaluateCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var run = new RunArguments();
        var (adapters, force, threads) = (SharedOptions.Adapters(), SharedOptions.Force(), SharedOptions.Threads());
        var command = new Command("eval", "Measures a model, with or without adapters, on the held-out rows of a run file or on --data.") { adapters, force, threads, SharedOptions.Json() };
        run.AddTo(command);
        command.SetAction(parsed =>
        {
            var file = run.Read(parsed);
            file.Validate();
            LoadedModel.UseThreads(parsed.GetValue(threads) ?? file.Train.Threads);
            var tokenizer = LoadedModel.TokenizerOf(file.ModelName);
            using var model = LoadedModel.Open(screen, file.ModelName, file.Precision);
            var dataset = Dataset.Load(file.Data.Options(file.Train.Options.Seed), tokenizer, (int)model.ContextLength);
            var rows = dataset.HeldOut.Count > 0 ? dataset.HeldOut : dataset.Train;
            rows = [.. rows.Take(file.Data.HeldoutLimit ?? int.MaxValue)];
            screen.Say($"{file.ModelName}, {LoadedModel.NameOf(LoadedModel.MatricesOf(file.ModelName, file.Precision))}: {rows.Count} rows of {(dataset.HeldOut.Count > 0 ? file.Data.Heldout as string ?? file.Data.Train : file.Data.Train)}");
            var judge = new Judge(model, tokenizer, file.Evaluate, rows);
            var results = new List<(string Name, Scores Scores)>();
            foreach (var folder in parsed.GetValue(adapters) ?? [])
            {
                var set = AdapterSet.Load(AdapterFolders.Find(folder), model, folder, parsed.GetValue(force));
                foreach (var note in set.Notes) screen.Say(note);
                model.DisableAdapters();
            }
            results.Add(("base", Finite(judge.Score(screen, "base"), "the base", model)));
            foreach (var folder in parsed.GetValue(adapters) ?? [])
            {
                model.Activate(folder);
                results.Add((folder, Finite(judge.Score(screen, folder), folder, model)));
            }
            if (screen.IsJson) screen.WriteJson(new JsonObject(results.Select(r => KeyValuePair.Create(r.Name, (JsonNode?)r.Scores.Node()))));
            else Scores.Table(screen, results);
            return ExitCode.Done;
        });
        return command.Examples("weft eval recipes/quickstart.yaml --adapter out/quickstart-1", "weft eval --model weft-tiny --data rows.jsonl evaluate.exact_match=true", "weft eval --model my.gguf --data chats.jsonl --json");
    }

    private static Scores Finite(Scores scores, string name, CausalModel model)
    {
        if (double.IsFinite(scores.Loss.Nats)) return scores;
        model.CheckFinite(); // names the weights, where it is they
        throw new InvalidDataException(FormattableString.Invariant($"The loss of {name} is {scores.Loss.PerToken}, though every weight of the base is finite. Nothing that was measured of it means anything; look at what trained or wrote it."));
    }
}
