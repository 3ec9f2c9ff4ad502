using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Cli.Commands;
using Weft.Cli.Runs;
using Weft.Data;
using Weft.Models;
using Weft.Training;
using static TorchSharp.torch;

namespace Weft.Cli.Finetuning;

/// <summary>One run of <c>weft train</c>, from the run file to the folder it leaves behind.</summary>
internal sealed class TrainRun : IDisposable
{
    private readonly Screen screen;
    private readonly RunFile run;
    private readonly CausalModel model;
    private readonly Tokenizer tokenizer;
    private readonly SideFiles? beside; // where the run writes a model
    private readonly Dataset dataset;
    private readonly BatchSource source;
    private readonly IReadOnlyList<Example> heldOut;
    private readonly Judge? judge;
    private readonly TrainingState state;
    private readonly Inputs inputs;
    private AdapterSet adapters;

    private TrainRun(Screen screen, RunFile run, int? threads)
    {
        (this.screen, this.run) = (screen, run);
        LoadedModel.UseThreads(threads ?? run.Train.Threads);
        random.manual_seed(run.Train.Options.Seed);
        if (run.Model is NewModel described)
        {
            (model, tokenizer) = NewModels.Make(run, described);
            beside = SideFiles.Of(tokenizer);
        }
        else
        {
            tokenizer = LoadedModel.TokenizerOf(run.ModelName);
            if (MethodOptions.TrainsEverything(run)) beside = SideFiles.Of(run.ModelName);
            model = LoadedModel.Open(screen, run.ModelName, run.Precision);
        }
        model.ActivationBudget = run.Train.ActivationBudget;
        screen.Say($"{(model.Source.Length > 0 ? model.Source : "A new model")}: {Bytes.Count(model.Count)} numbers, matrices in {LoadedModel.NameOf(model.Tensors[0].Pretrained.dtype)}, {get_num_threads()} threads");
        dataset = Dataset.Load(run.Data.Options(run.Train.Options.Seed), tokenizer, (int)model.ContextLength);
        heldOut = [.. dataset.HeldOut.Take(run.Data.HeldoutLimit ?? int.MaxValue)];
        source = new BatchSource(dataset.Train, new BatchOptions { BatchSize = run.Train.BatchSize, PackLength = run.Data.PackLength, BucketBatches = run.Data.BucketBatches, Seed = run.Train.Options.Seed, PadId = tokenizer.PadId ?? tokenizer.EosId ?? 0 });
        if (run.Model is string) model.CheckFinite();
        var plan = MethodOptions.ConfigOf(run).Plan(model);
        if (plan.Problems.Count > 0) throw plan.Refusal();
        adapters = plan.Build();
        var tokens = run.Data.PackLength is { } pack ? (long)pack * run.Train.BatchSize : (long)Math.Ceiling(dataset.Train.Average(e => e.Ids.Length) * run.Train.BatchSize);
        PlanCommand.Table(screen, plan, plan.Rows(), plan.Estimate(tokens), tokens);
        adapters.Attach();
        state = StateOf(adapters, run.Train.Options, source.BatchesPerEpoch);
        inputs = screen.While("Hashing what goes into the run", () => Inputs.Of(run, model, dataset));
        if (heldOut.Count > 0) judge = new Judge(model, tokenizer, run.Evaluate, heldOut);
    }

    /// <summary>Trains in a folder of its own.</summary>
    public static int Start(Screen screen, RunFile run, string? name, int? threads)
    {
        if (name is "" or "." or ".." || name?.IndexOfAny(['/', '\\']) >= 0) throw new UsageException($"--name is \"{name}\"; it is the name of one folder in {run.Output}. Another place is output=DIR.");
        if (name is not null) RunFolder.RequireFree(run.Output, name);
        run.Validate(judges: true);
        RequireWritable(run.Output);
        using var training = new TrainRun(screen, run, threads);
        using var folder = RunFolder.Create(run.Output, run.Name, name);
        folder.WriteText(RunNames.RunFile, RunFileWriter.Write(run));
        return training.Run(folder, isResumed: false);
    }

    // What only the number of batches tells of the settings.
    private static TrainingState StateOf(AdapterSet adapters, TrainOptions options, int batchesPerEpoch)
    {
        try
        {
            return new TrainingState(adapters, options, batchesPerEpoch);
        }
        catch (ArgumentException e)
        {
            throw new UsageException($"train: {e.Message}");
        }
    }

    // Before anything is loaded; a file that is gone again at once tells more than permissions do.
    private static void RequireWritable(string output)
    {
        var nearest = Path.GetFullPath(output);
        while (!Path.Exists(nearest) && Path.GetDirectoryName(nearest) is { } parent) nearest = parent;
        if (File.Exists(nearest)) throw new IOException($"No run folder can be made in {output}: {nearest} is a file. Name a folder that can be written to: output=DIR.");
        try
        {
            using var probe = new FileStream(Path.Combine(nearest, $".{Guid.NewGuid():n}.tmp"), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"No run folder can be made in {output}: {nearest} cannot be written to. Name a folder that can be written to: output=DIR.", e);
        }
    }

    /// <summary>Goes on in the folder of an interrupted run.</summary>
    public static int Resume(Screen screen, RunFile run, string path, int? threads)
    {
        run.Validate();
        using var folder = RunFolder.Resume(path);
        using var training = new TrainRun(screen, run, threads);
        return training.Run(folder, isResumed: true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        state.Dispose();
        model.Dispose();
    }

    private int Run(RunFolder folder, bool isResumed)
    {
        ShowData();
        screen.Head($"Run folder {folder.Path}");
        var configuration = RunFileWriter.Write(run);
        var restored = folder.State.Restore(state, configuration, inputs.Hashes);
        if (restored is not null)
        {
            foreach (var note in restored.Notes) screen.Say(note);
            screen.Say($"Goes on after step {restored.Step} of {state.TotalSteps}.");
            folder.Metrics.CutBackTo(restored.Step);
        }
        else if (isResumed)
        {
            if (IsFinished(folder)) throw new IOException($"{folder.Path} holds what the run has learned and no saved state, so there is nothing to go on from, and it is not overwritten. Start a new run: weft train {Path.Combine(folder.Path, RunNames.RunFile)}");
            screen.Say($"{folder.Path} has no saved state: the run starts again from its first step.");
            folder.Metrics.CutBackTo(0); // what a run wrote that was killed before its first state; the base's evaluation stays true
        }
        var results = new Results(folder.Path, screen, judge, tokenizer, run.Evaluate);
        if (judge is not null) folder.Metrics.AppendEvaluation(0, results.ScoreBefore());
        using (screen.Interruption.Defer())
        {
            if (!TakeSteps(folder, configuration, restored?.Step)) return Interrupted(folder);
            var judged = TakeBest(folder);
            var done = judge is null ? null : results.ScoreAfter();
            if (done is not null) folder.Metrics.AppendEvaluation(judged, done);
            Save(folder);
            Finish(folder, results);
        }
        return ExitCode.Done;
    }

    private void ShowData()
    {
        screen.Head($"Data: {Bytes.Count(dataset.Train.Count)} rows to train on, {Bytes.Count(heldOut.Count)} held out");
        screen.Say(dataset.TrainReport.ToString());
        if (dataset.HeldOutReport is { } report && report.Cut.Count + report.Dropped.Count > 0) screen.Say($"Held out: {report}");
        screen.Say(screen.HasColour && !screen.IsJson ? "One row as the model sees it; what it learns is coloured:" : "One row as the model sees it; what it learns stands in « »:");
        LabelledExample.Show(screen, dataset.Train[0], tokenizer);
    }

    // False when Ctrl-C ended it; the state is saved either way.
    private bool TakeSteps(RunFolder folder, string configuration, int? saved)
    {
        var options = state.Options;
        var token = screen.Interruption.Token;
        screen.Head($"Training: {state.TotalSteps} steps of {options.Accumulation * run.Train.BatchSize} rows");
        TrainingDisplay.Run(screen, state, display =>
        {
            if (state.Evaluations.ShouldStop) return;
            foreach (var step in Train.Steps(state, source.Epoch, b => model.Loss(b.Input, b.Labels), b => new BatchFacts(b.Rows, b.Tokens, b.SupervisedTokens), token))
            {
                folder.Metrics.Append(step);
                display.Show(step);
                if (judge is not null && options.EvaluateEvery is { } every && (step.Index % every == 0 || step.Index == state.TotalSteps)) Evaluate(folder, display, step.Index);
                if (step.Index % (options.SaveEvery ?? int.MaxValue) == 0) Keep();
                if (state.Evaluations.ShouldStop) break;
            }
        });
        if (saved != state.Step) Keep();
        if (state.Evaluations.ShouldStop) screen.Say($"Stopped after step {state.Step}: {options.Patience} evaluations in a row were no better than that after step {state.Evaluations.BestStep}.");
        return !token.IsCancellationRequested || state.Step == state.TotalSteps || state.Evaluations.ShouldStop;

        void Keep()
        {
            folder.State.Save(state, configuration, inputs.Hashes);
            saved = state.Step;
        }
    }

    private void Evaluate(RunFolder folder, TrainingDisplay display, int step)
    {
        // Not cancelled: a step that is saved has its evaluation, so that a resumed run decides as an uninterrupted one.
        using var progress = display.Measurement("held-out loss", judge!.RowCount);
        var loss = judge.Loss(progress, CancellationToken.None);
        folder.Metrics.AppendEvaluation(step, new Dictionary<string, double> { ["loss"] = loss.PerToken, ["perplexity"] = loss.Perplexity });
        var isBest = state.Evaluations.Update(loss.PerToken, step);
        if (isBest)
        {
            state.CheckFinite();
            folder.KeepBest(adapters.Save);
        }
        display.Say(FormattableString.Invariant($"held out after step {step}: loss {loss.PerToken:0.0000}, perplexity {loss.Perplexity:0.00}{(isBest ? " (best)" : "")}"));
    }

    // The step whose tensors are the run's result.
    private int TakeBest(RunFolder folder)
    {
        if (state.Evaluations.BestStep == 0 || state.Evaluations.BestStep == state.Step || !Directory.Exists(folder.BestPath)) return state.Step;
        adapters.Detach();
        adapters = AdapterSet.Load(folder.BestPath, model, "best");
        screen.Say($"The best on held-out rows is that of step {state.Evaluations.BestStep}; it is kept.");
        return state.Evaluations.BestStep;
    }

    private void Save(RunFolder folder)
    {
        if (!MethodOptions.TrainsEverything(run))
        {
            adapters.Save(folder.Path);
            return;
        }
        var target = Path.Combine(folder.Path, RunNames.Model);
        foreach (var left in Directory.EnumerateDirectories(folder.Path, ".*.tmp").Append(target).Where(Directory.Exists).ToList()) Directory.Delete(left, recursive: true); // of a finish that was interrupted
        ModelFolder.Write(target, model, beside!, model.Tensors[0].Pretrained.dtype);
    }

    private void Finish(RunFolder folder, Results results)
    {
        LossCurve.Write(folder.Metrics.Path, Path.Combine(folder.Path, RunNames.LossCurve), run.Name);
        folder.WriteManifest(inputs.Files);
        var summary = results.Show();
        screen.Head("Saved");
        var trained = MethodOptions.TrainsEverything(run) ? "model/ (config, weights, tokenizer)" : "adapter_config.json, adapter_model.safetensors, weft.json";
        screen.Say($"  {folder.Path}: {trained}, {RunNames.RunFile}, metrics.jsonl, TensorBoard events, {RunNames.LossCurve}, {(Directory.Exists(folder.BestPath) ? "best/, " : "")}{(judge is null ? "" : $"{RunNames.Results}, ")}manifest.json");
        screen.Say(FormattableString.Invariant($"  {state.Step} steps in {state.Seconds:0.0} s, peak memory {Bytes.Text(System.Diagnostics.Process.GetCurrentProcess().PeakWorkingSet64)}"));
        screen.Head("Try next");
        foreach (var line in NextCommands(folder.Path)) screen.Say($"  {line}");
        if (screen.IsJson)
            screen.WriteJson(new JsonObject
            {
                ["folder"] = folder.Path,
                ["method"] = adapters.Config.PeftType,
                ["trainable"] = adapters.Count,
                ["base"] = model.Count,
                ["steps"] = state.Step,
                ["seconds"] = state.Seconds,
                ["tokens_per_second"] = Results.TokensPerSecond(folder.Metrics.Path),
                ["peak_bytes"] = System.Diagnostics.Process.GetCurrentProcess().PeakWorkingSet64,
                ["results"] = summary,
            });
    }

    private static bool IsFinished(RunFolder folder) =>
        File.Exists(Path.Combine(folder.Path, "adapter_config.json")) || Directory.Exists(Path.Combine(folder.Path, RunNames.Model));

    private IEnumerable<string> NextCommands(string folder)
    {
        if (MethodOptions.TrainsEverything(run))
        {
            yield return $"weft generate --model {folder}/{RunNames.Model} \"Once\"";
            yield return $"weft inspect {folder}";
            yield break;
        }
        yield return $"weft generate --model {run.Model} --adapter {folder} --no-adapter {(IsRaw() ? "--raw " : "")}{Quoted()}";
        yield return $"weft merge --model {run.Model} --adapter {folder} --out merged";
        yield return $"weft export --to lora --model {run.Model} --adapter {folder} --out lora";
        yield return $"weft inspect {folder}";
    }

    // Whether the prompt of a held-out row is to be given as it stands: no chat template wrote it, or its format has special tokens.
    private bool IsRaw() => heldOut.Count > 0 && heldOut[0].Prompt is { } prompt && (tokenizer.ChatTemplate is not null || !heldOut[0].EncodePrompt(tokenizer)!.SequenceEqual(tokenizer.EncodePrompt(prompt)));

    // The prompt of a held-out row as a shell reads it: $'…' where it has lines.
    private string Quoted()
    {
        var prompt = heldOut.Count > 0 && heldOut[0].Prompt is { } first ? first : "Hello!";
        var quoted = $"'{prompt.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}'";
        return prompt.Contains('\n') || prompt.Contains('\'') ? "$" + quoted : quoted;
    }

    private int Interrupted(RunFolder folder)
    {
        (screen.IsJson ? screen.Error : screen.Output).WriteLine($"Interrupted; the state is saved. Go on with: weft train --resume {folder.Path}");
        if (screen.IsJson) screen.WriteJson(new JsonObject { ["folder"] = folder.Path, ["interrupted"] = true, ["steps"] = state.Step });
        return ExitCode.Interrupted;
    }
}
