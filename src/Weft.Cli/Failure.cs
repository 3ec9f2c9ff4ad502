using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weft.Cli;

/// <summary>An exception as a person reads it: the one place where exceptions become messages and exit codes.</summary>
/// <param name="Message">What is said.</param>
/// <param name="Code">The exit code.</param>
internal sealed record Failure(string Message, int Code)
{
    private const string IsFull = "The disk or a limit on it is full; what was saved before is intact. Free space, or name another folder.";
    private const int NoSpace = 28, ReadOnlySystem = 30, QuotaExceeded = 122, FileTooLarge = 27;

    /// <summary>The failure of an exception.</summary>
    public static Failure Of(Exception e) => e switch
    {
        TargetInvocationException { InnerException: { } inner } => Of(inner),
        TypeInitializationException { InnerException: { } inner } => Of(inner),
        AggregateException { InnerExceptions: [var only] } => Of(only),
        OperationCanceledException => new("Interrupted.", ExitCode.Interrupted),
        UsageException => new(e.Message, ExitCode.Usage),
        UnauthorizedAccessException => new($"{e.Message.TrimEnd('.')}. Name a place that may be read and written, or change its permissions.", ExitCode.Failed),
        IOException when (e.HResult & 0xFFFF) is NoSpace or QuotaExceeded or FileTooLarge =>
            new($"{e.Message.TrimEnd('.')}. {IsFull}", ExitCode.Failed),
        // .NET turns the error of a file above its size limit into this, and has no other mark of it.
        ArgumentOutOfRangeException when e.Message.StartsWith("Specified file length was too large", StringComparison.Ordinal) =>
            new($"A file would be larger than the disk or a limit allows. {IsFull}", ExitCode.Failed),
        IOException when (e.HResult & 0xFFFF) == ReadOnlySystem => new($"{e.Message.TrimEnd('.')}. Name a folder that can be written to.", ExitCode.Failed),
        InvalidDataException or FileNotFoundException or DirectoryNotFoundException or IOException or JsonException
            or NotSupportedException or InvalidOperationException or KeyNotFoundException or DllNotFoundException => new(e.Message, ExitCode.Failed),
        ArgumentException a => new(WithoutParameter(a), ExitCode.Failed),
        OutOfMemoryException => new("There is not enough memory. Take precision bf16, a smaller batch_size or gradient_checkpointing; `weft plan` estimates what is needed.", ExitCode.Failed),
        _ => new($"{e.GetType().Name}: {FirstLine(e.Message)}\nThis is not a failure that Weft foresees. WEFT_TRACE=1 shows where it comes from.", ExitCode.Failed),
    };

    /// <summary>Says it on the error writer, as JSON where that was asked for.</summary>
    public int Report(Screen screen, Exception e)
    {
        if (screen.IsJson) screen.WriteJson(new JsonObject { ["error"] = Message });
        else screen.Error.WriteLine(Screen.Visible(Message));
        if (Environment.GetEnvironmentVariable("WEFT_TRACE") == "1" && Code != ExitCode.Interrupted) screen.Error.WriteLine(e);
        return Code;
    }

    // " (Parameter 'x')" tells a programmer, not a person at a shell.
    private static string WithoutParameter(ArgumentException e) =>
        e.ParamName is { } name ? e.Message.Replace($" (Parameter '{name}')", "", StringComparison.Ordinal) : e.Message;

    private static string FirstLine(string message) => message.Split('\n')[0].Trim();
}
