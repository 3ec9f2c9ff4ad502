using System.Diagnostics;
using System.Runtime.CompilerServices;
using Weft.Checkpoints;
using Weft.Training;

namespace Weft.Tests.Training;

/// <summary>A training run in a process of its own, to be killed: the test program turns into it when it is started with a variable set.</summary>
internal static class TrainingChild
{
    public const int Steps = 140;
    private const string Variable = "WEFT_TEST_TRAINING_CHILD";
    private const string Configuration = "toy";

    public static readonly TrainOptions Options = new() { Steps = Steps, LearningRate = 0.01, Accumulation = 2, WeightDecay = 0.1, Schedule = ScheduleShape.Cosine, SaveEvery = 7, EvaluateEvery = 20 };

    /// <summary>Starts the run in a folder, or goes on with the one that is there.</summary>
    public static Process Start(string folder)
    {
        var program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") start.ArgumentList.Add(typeof(TrainingChild).Assembly.Location);
        start.Environment[Variable] = folder;
        return Process.Start(start)!;
    }

    /// <summary>The run: what a caller of the library writes.</summary>
    public static Toy Train(string folder, TimeSpan pause)
    {
        var toy = new Toy();
        using var run = Directory.Exists(folder) ? RunFolder.Resume(folder) : RunFolder.Create(Path.GetDirectoryName(folder)!, "toy", Path.GetFileName(folder));
        using var state = toy.NewState(Options, 5);
        run.State.Restore(state, Configuration);
        run.Metrics.CutBackTo(state.Step);
        random.manual_seed(Environment.TickCount64); // whatever else draws numbers before the first step
        foreach (var step in toy.StepsUntil(state, 5, CancellationToken.None))
        {
            run.Metrics.Append(step);
            if (step.Index % Options.EvaluateEvery == 0)
            {
                var loss = EvaluationLoss(toy);
                run.Metrics.AppendEvaluation(step.Index, new Dictionary<string, double> { ["loss"] = loss });
                if (state.Evaluations.Update(loss, step.Index)) run.KeepBest(best => Write(toy, Path.Combine(best, "best.safetensors")));
            }
            if (step.Index % Options.SaveEvery == 0) run.State.Save(state, Configuration);
            if (pause > TimeSpan.Zero) Thread.Sleep(pause);
        }
        Write(toy, Path.Combine(folder, "final.safetensors"));
        return toy;
    }

#pragma warning disable CA2255 // the program's own entry point belongs to the test framework
    [ModuleInitializer]
    internal static void RunIfChild()
#pragma warning restore CA2255
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } folder) return;
        Train(folder, TimeSpan.FromMilliseconds(1));
        Environment.Exit(0);
    }

    private static void Write(Toy toy, string path) => Safetensors.Write(path, toy.Parameters.Select(p => (p.Key, (Tensor)p.Value)));

    private static double EvaluationLoss(Toy toy)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        return new Toy { Dropout = 0 }.Adopt(toy).SummedLoss([0, 5, 9, 13]).item<float>();
    }
}
