using System.Runtime.InteropServices;

namespace Weft.Cli;

/// <summary>Ctrl-C and the wish to end. Where nothing has to be saved it ends the process at once; a stretch of work that saves asks for it to be put off.</summary>
internal sealed class Interruption : IDisposable
{
    private const PosixSignal FileTooLarge = (PosixSignal)25; // SIGXFSZ

    private readonly List<PosixSignalRegistration> registrations = [];
    private CancellationTokenSource source = new();
    private int deferred;
    private TerminalState? terminal;

    /// <summary>Cancelled by Ctrl-C while a stretch of work has put the end off.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Listens to the signals of this process.</summary>
    public static Interruption OfThisProcess()
    {
        var interruption = new Interruption { terminal = TerminalState.OfThisProcess() };
        foreach (var signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM })
            interruption.registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                interruption.Ask();
            }));
        // A limit on the size of files then fails the write, which says so, and does not end the process.
        if (!OperatingSystem.IsWindows()) interruption.registrations.Add(PosixSignalRegistration.Create(FileTooLarge, context => context.Cancel = true));
        return interruption;
    }

    /// <summary>What Ctrl-C does. Asked a second time it ends the process whatever is under way; files are replaced whole, so none is left half written.</summary>
    public void Ask()
    {
        if (source.IsCancellationRequested || Volatile.Read(ref deferred) == 0)
        {
            Console.Error.WriteLine("Interrupted.");
            terminal?.Restore();
            EndNow(ExitCode.Interrupted);
        }
        source.Cancel();
    }

    /// <summary>Puts the end off until the result is disposed; the work looks at <see cref="Token"/> and saves.</summary>
    public IDisposable Defer()
    {
        Interlocked.Increment(ref deferred);
        return new Deferral(this);
    }

    /// <summary>Lets a Ctrl-C that ended one stretch of work count for nothing in the next one.</summary>
    public void Forget() => Interlocked.Exchange(ref source, new CancellationTokenSource()); // the old one is not disposed: a signal may be at it

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        source.Dispose();
    }

    // Environment.Exit runs the destructors of native libraries while their threads still compute, which may end in a crash.
    private static void EndNow(int code)
    {
        if (OperatingSystem.IsWindows()) Environment.Exit(code);
        ExitProcess(code);
    }

    [DllImport("libc", EntryPoint = "_exit"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern void ExitProcess(int code);

    private sealed class Deferral(Interruption interruption) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref interruption.deferred);
    }
}
