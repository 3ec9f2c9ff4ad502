using System.Diagnostics;
using Weft.Cli;

namespace Weft.Tests.Cli;

/// <summary>Runs lines of <c>weft</c>: in this process with what it says captured, or as a process of its own.</summary>
internal static class Tool
{
    /// <summary>Runs a line and returns exit code, output and errors.</summary>
    public static (int Code, string Output, string Error) Run(params string[] args) => Run("", isKeyboard: false, args);

    /// <summary>Runs a line while a person types, each answer ending with Enter.</summary>
    public static (int Code, string Output, string Error) Typed(IEnumerable<string> typed, params string[] args) => Run(string.Join('\n', typed), isKeyboard: true, args);

    private static (int Code, string Output, string Error) Run(string input, bool isKeyboard, string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var interruption = new Interruption();
        var code = CommandLine.Run(args, new Screen(output, error, new StringReader(input), interruption, isKeyboard: isKeyboard));
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>What Ctrl-C does to a process.</summary>
    public static void Interrupt(Process process)
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("A signal can be sent to a process here only by its console.");
        using var kill = Process.Start("bash", ["-c", $"kill -INT {process.Id}"]); // the shell's own word: bare systems have no program of that name
        kill.WaitForExit();
    }

    /// <summary>Starts a line as a process, with variables set.</summary>
    public static Process Start(IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        return Start(start, environment, args);
    }

    /// <summary>Starts a line under a shell command that comes before it, such as <c>ulimit -f 40</c>.</summary>
    public static Process StartUnder(string command, IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var word in new[] { "-c", $"{command}; exec dotnet \"$@\"", "bash" }) start.ArgumentList.Add(word);
        return Start(start, environment, args);
    }

    private static Process Start(ProcessStartInfo start, IReadOnlyDictionary<string, string> environment, string[] args)
    {
        start.ArgumentList.Add(typeof(CommandLine).Assembly.Location);
        foreach (var arg in args) start.ArgumentList.Add(arg);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
