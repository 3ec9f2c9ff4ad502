using System.Diagnostics;

namespace Weft.Cli.Finetuning;

/// <summary>How far a stretch of work is: one line that is written over on a terminal, a line now and then elsewhere.</summary>
internal sealed class LineProgress(Screen screen, string what, int total) : IProgress<int>, IDisposable
{
    private static readonly TimeSpan pause = TimeSpan.FromSeconds(5);
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private TimeSpan said;
    private bool isOpen;

    /// <inheritdoc/>
    public void Report(int done)
    {
        var writer = screen.IsJson ? screen.Error : screen.Output;
        if (screen.IsTerminal && !screen.IsJson)
        {
            writer.Write($"\r{what}: {done} of {total}");
            isOpen = true;
        }
        else if (clock.Elapsed - said > pause || (done == total && said > TimeSpan.Zero))
        {
            said = clock.Elapsed;
            writer.WriteLine($"{what}: {done} of {total}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (isOpen) screen.Output.Write($"\r{new string(' ', what.Length + 30)}\r");
    }
}
