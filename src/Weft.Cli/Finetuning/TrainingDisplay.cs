using System.Diagnostics;
using Spectre.Console;
using Weft.Training;

namespace Weft.Cli.Finetuning;

/// <summary>Shows steps as they are taken: a bar on a terminal, a line every two seconds elsewhere.</summary>
internal sealed class TrainingDisplay
{
    private static readonly TimeSpan pause = TimeSpan.FromSeconds(2);
    private readonly Screen screen;
    private readonly TrainingState state;
    private readonly ProgressTask? bar;
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly int first;
    private TimeSpan said = -pause;
    private double rate;

    private TrainingDisplay(Screen screen, TrainingState state, ProgressTask? bar) => (this.screen, this.state, this.bar, first) = (screen, state, bar, state.Step);

    /// <summary>Runs work that shows its steps.</summary>
    public static void Run(Screen screen, TrainingState state, Action<TrainingDisplay> work)
    {
        if (!screen.HasColour || screen.IsJson)
        {
            work(new TrainingDisplay(screen, state, null));
            return;
        }
        screen.Console.Progress().AutoClear(false).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new RemainingTimeColumn()).Start(context =>
        {
            var bar = context.AddTask("step", maxValue: state.TotalSteps);
            work(new TrainingDisplay(screen, state, bar));
        });
    }

    /// <summary>Shows a step.</summary>
    public void Show(Step step)
    {
        rate = rate == 0 ? step.TokensPerSecond : 0.9 * rate + 0.1 * step.TokensPerSecond;
        if (bar is not null)
        {
            bar.Value = step.Index;
            bar.Description = FormattableString.Invariant($"step {step.Index} of {state.TotalSteps}, loss {step.Loss:0.000}, {rate:0} tokens/s").EscapeMarkup(); // a line of 80 columns
            return;
        }
        if (clock.Elapsed - said < pause && step.Index != state.TotalSteps) return;
        said = clock.Elapsed;
        screen.Say($"{Line(step)}, {Left(step)} left");
    }

    /// <summary>How far a measurement between two steps is.</summary>
    public LineProgress Measurement(string what, int total) => new(screen, what, total, bar is null ? null : line => bar.Description = line.EscapeMarkup());

    /// <summary>Says a line between steps.</summary>
    public void Say(string line)
    {
        if (bar is null) screen.Say(line);
        else screen.Console.WriteLine(line);
    }

    private string Line(Step step) => FormattableString.Invariant(
        $"step {step.Index} of {state.TotalSteps}: loss {step.Loss:0.0000}, rate {step.LearningRate:0.00e+0}, gradient norm {step.GradientNorm:0.00}, {rate:0} tokens/s, {100 * step.SupervisedShare:0} % supervised");

    private string Left(Step step)
    {
        var left = TimeSpan.FromSeconds(clock.Elapsed.TotalSeconds / Math.Max(1, step.Index - first) * (state.TotalSteps - step.Index));
        return left.TotalHours >= 1 ? FormattableString.Invariant($"{left.TotalHours:0.0} h") : FormattableString.Invariant($"{(int)left.TotalMinutes}:{left.Seconds:00}");
    }
}
