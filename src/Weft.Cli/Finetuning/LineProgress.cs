using System.Diagnostics;

namespace Weft.Cli.Finetuning;

/// <summary>How far a stretch of work is: one line that is written over on a terminal, a line every two seconds elsewhere.</summary>
/// <param name="screen">Where it is said.</param>
/// <param name="what">What is being done.</param>
/// <param name="total">How much there is to do.</param>
/// <param name="show">Shows the line in place of the screen, where a bar has it already; or null.</param>
internal sealed class LineProgress(Screen screen, string what, int total, Action<string>? show = null) : IProgress<int>, IDisposable
{
    private static readonly TimeSpan pause = TimeSpan.FromSeconds(2);
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private TimeSpan said;
    private bool isOpen;

    /// <inheritdoc/>
    public void Report(int done)
    {
        var line = $"{what}: {done} of {total}";
        if (show is not null)
        {
            show(line);
            return;
        }
        var writer = screen.IsJson ? screen.Error : screen.Output;
        if (screen.IsTerminal && !screen.IsJson)
        {
            writer.Write($"\r{line}");
            isOpen = true;
        }
        else if (clock.Elapsed - said > pause || (done == total && said > TimeSpan.Zero))
        {
            said = clock.Elapsed;
            writer.WriteLine(line);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (isOpen) screen.Output.Write($"\r{new string(' ', what.Length + 30)}\r");
    }
}
