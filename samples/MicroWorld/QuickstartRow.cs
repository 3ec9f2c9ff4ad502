namespace MicroWorld;

/// <summary>A prompt and what the model should write after it. The completion begins with a space, as words after a colon do.</summary>
public sealed record QuickstartRow(string Prompt, string Completion)
{
    /// <summary>The row as a line of a JSONL file.</summary>
    public string Line => $"{{\"prompt\": {Text.Quoted(Prompt)}, \"completion\": {Text.Quoted(Completion)}}}";
}
