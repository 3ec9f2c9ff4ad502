using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Weft.Cli;

/// <summary>Where a verb reads and writes: results on the output, errors on the other; JSON alone on the output when it was asked for.</summary>
internal sealed class Screen
{
    private const int PipedWidth = 160;
    private static readonly JsonSerializerOptions indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly TextWriter output;
    private readonly TextWriter error;

    /// <summary>A screen over writers; plain lines unless a person watches.</summary>
    /// <param name="output">Results.</param>
    /// <param name="error">Errors, and progress when the output is JSON.</param>
    /// <param name="input">What a person types.</param>
    /// <param name="interruption">Ctrl-C.</param>
    /// <param name="isTerminal">Whether the output is a terminal.</param>
    /// <param name="isKeyboard">Whether the input is a terminal.</param>
    public Screen(TextWriter output, TextWriter error, TextReader input, Interruption interruption, bool isTerminal = false, bool isKeyboard = false)
    {
        (this.output, this.error, Input, Interruption, IsTerminal, IsKeyboard) = (output, error, input, interruption, isTerminal, isKeyboard);
        Console = ConsoleOver(output);
    }

    /// <summary>The console for people.</summary>
    public IAnsiConsole Console { get; private set; }

    /// <summary>What a person types.</summary>
    public TextReader Input { get; }

    /// <summary>Ctrl-C.</summary>
    public Interruption Interruption { get; }

    /// <summary>Whether a person watches: progress may move and colours mean something.</summary>
    public bool IsTerminal { get; }

    /// <summary>Whether a person can be asked.</summary>
    public bool IsKeyboard { get; }

    /// <summary>Whether text may carry colour.</summary>
    public bool HasColour => IsTerminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    /// <summary>Whether the output is one JSON value, and everything said to people goes to the other writer.</summary>
    public bool IsJson { get; private set; }

    /// <summary>Plain results.</summary>
    public TextWriter Output => output;

    /// <summary>Errors.</summary>
    public TextWriter Error => error;

    /// <summary>The screen of this process.</summary>
    public static Screen OfThisProcess(Interruption interruption) => new(
        System.Console.Out, System.Console.Error, System.Console.In, interruption,
        isTerminal: !System.Console.IsOutputRedirected, isKeyboard: !System.Console.IsInputRedirected);

    /// <summary>Keeps the output for JSON.</summary>
    public void UseJson()
    {
        IsJson = true;
        Console = ConsoleOver(error);
    }

    /// <summary>Writes the result as JSON.</summary>
    public void WriteJson(JsonNode node) => output.WriteLine(node.ToJsonString(indented));

    /// <summary>Says a line; nothing in it is markup, and it is not wrapped.</summary>
    public void Say(string line = "") => (IsJson ? error : output).WriteLine(Visible(line));

    /// <summary>Text with its control characters spelt, but for ends of lines and tabs: what stands in a file must not drive the terminal.</summary>
    public static string Visible(string text) =>
        text.Any(IsHidden) ? string.Concat(text.Select(c => IsHidden(c) ? $"\\u{(int)c:x4}" : c.ToString())) : text;

    /// <summary>Says the heading of a part.</summary>
    public void Head(string line)
    {
        Say();
        if (HasColour && !IsJson) Console.Write(new Text(line + "\n", new Style(decoration: Decoration.Bold)));
        else Say(line);
    }

    /// <summary>Does work that has no parts to count and shows that it goes on: a spinner on a terminal, elsewhere a line on the error writer if it takes longer than two seconds.</summary>
    public T While<T>(string what, Func<T> work)
    {
        if (HasColour && !IsJson) return Console.Status().Start(Markup.Escape(what), _ => work());
        using var patience = new Timer(_ => error.WriteLine($"{what} …"), null, TimeSpan.FromSeconds(2), Timeout.InfiniteTimeSpan);
        return work();
    }

    /// <summary>Shows rows under headings; columns whose heading starts with &gt; are set to the right.</summary>
    public void Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var hasHeadings = headings.Any(h => h.Length > 0);
        rows = rows.Select(r => (IReadOnlyList<string>)[.. r.Select(c => Visible(c.ReplaceLineEndings("\\n").Replace("\t", "\\t", StringComparison.Ordinal)))]);
        if (!HasColour || IsJson)
        {
            PlainTable(headings, hasHeadings ? [[.. headings.Select(h => h.TrimStart('>'))], .. rows] : [.. rows]);
            return;
        }
        var table = new Table { Border = TableBorder.Rounded, UseSafeBorder = true, ShowHeaders = hasHeadings };
        foreach (var heading in headings)
            table.AddColumn(new TableColumn(new Text(heading.TrimStart('>'))) { Alignment = heading.StartsWith('>') ? Justify.Right : Justify.Left });
        foreach (var row in rows) table.AddRow(row.Select(c => (IRenderable)new Text(c)));
        Console.Write(table);
    }

    // Columns by spaces, lines as long as they are: what a pipe or a file can work with.
    private void PlainTable(IReadOnlyList<string> headings, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (rows.Count == 0) return;
        var widths = headings.Select((_, i) => rows.Max(r => r[i].Length)).ToList();
        foreach (var row in rows)
            Say(string.Join("  ", row.Select((cell, i) => headings[i].StartsWith('>') ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd());
    }

    private static bool IsHidden(char c) => char.IsControl(c) && c is not ('\n' or '\r' or '\t');

    private IAnsiConsole ConsoleOver(TextWriter writer)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = HasColour ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = IsTerminal ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!IsTerminal) console.Profile.Width = PipedWidth;
        return console;
    }
}
