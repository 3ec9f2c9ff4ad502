using System.CommandLine;
using Weft.Cli.Finetuning;
using Weft.Cli.Runs;

namespace Weft.Cli.Commands;

/// <summary><c>weft train</c>: fine-tunes a model and leaves a run folder behind.</summary>
internal static class TrainCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var run = new RunArguments();
        var name = new Option<string?>("--name") { Description = "Name of the run's folder; the default is the recipe's name and the next free number.", HelpName = "NAME" };
        var resume = new Option<string?>("--resume") { Description = "Go on with an interrupted run: its folder.", HelpName = "DIR" };
        var threads = SharedOptions.Threads();
        var command = new Command("train", "Fine-tunes a model: shows the plan and a labelled example, trains, and judges the result on held-out rows.");
        run.AddTo(command);
        foreach (var option in new Option[] { name, resume, threads, SharedOptions.Json() }) command.Add(option);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(resume) is { } folder)
            {
                if (parsed.GetValue(name) is not null || run.AreIn(parsed))
                    throw new UsageException("--resume goes on with a run as it was: give it the folder alone.");
                if (!Directory.Exists(folder)) throw new DirectoryNotFoundException($"There is no run {folder} to resume. Name a folder that an earlier run has made.");
                var path = Path.Combine(folder, RunNames.RunFile);
                if (!File.Exists(path)) throw new FileNotFoundException($"{folder} is no run folder: it has no {RunNames.RunFile}.", path);
                return TrainRun.Resume(screen, RunFileReader.Read(path, []), folder, parsed.GetValue(threads));
            }
            return TrainRun.Start(screen, run.Read(parsed), parsed.GetValue(name), parsed.GetValue(threads));
        });
        return command.Examples(
            "weft train recipes/quickstart.yaml",
            "weft train recipes/quickstart.yaml method=lora adapter.rank=4 train.learning_rate=2e-3",
            "weft train --model my.gguf --data chats.jsonl data.heldout=0.05 train.epochs=2 --name chat",
            "weft train --resume out/quickstart-1");
    }
}
