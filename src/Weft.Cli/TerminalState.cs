using System.Runtime.InteropServices;

namespace Weft.Cli;

/// <summary>How the terminal was when the process began. Reading from it and spinners change it, and a process that ends at once must put it back itself.</summary>
internal sealed class TerminalState
{
    private const int StandardInput = 0, Now = 0;
    private readonly byte[] settings = new byte[256]; // struct termios, whose size differs from system to system and is below this

    /// <summary>The terminal that this process reads from, or null.</summary>
    public static TerminalState? OfThisProcess()
    {
        if (OperatingSystem.IsWindows() || Console.IsInputRedirected) return null;
        var state = new TerminalState();
        return tcgetattr(StandardInput, state.settings) == 0 ? state : null;
    }

    /// <summary>Puts the terminal back, and shows its cursor.</summary>
    public void Restore()
    {
        if (!Console.IsOutputRedirected) Console.Out.Write("\u001b[?25h");
        _ = tcsetattr(StandardInput, Now, settings);
    }

    [DllImport("libc"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int tcgetattr(int descriptor, [Out] byte[] settings);

    [DllImport("libc"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int tcsetattr(int descriptor, int when, byte[] settings);
}
