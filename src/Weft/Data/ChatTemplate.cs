using System.Text;
using System.Text.RegularExpressions;

namespace Weft.Data;

/// <summary>A chat template that is known: recognised by its structure, written by code of its own.</summary>
public sealed partial class ChatTemplate
{
    private const string Recognised = "ChatML in its usual forms (with or without a default system message)";
    private readonly string? defaultSystem;
    private readonly bool headsAnswers;

    private ChatTemplate(string name, string? defaultSystem, bool headsAnswers)
    {
        Name = name;
        (this.defaultSystem, this.headsAnswers) = (defaultSystem, headsAnswers);
    }

    /// <summary>The template's name.</summary>
    public string Name { get; }

    /// <summary>ChatML without a default system message.</summary>
    public static ChatTemplate ChatMl { get; } = new("chatml", null, true);

    /// <summary>The names under which a template can be asked for.</summary>
    public static IReadOnlyList<string> Known { get; } = ["chatml"];

    /// <summary>The template that a Jinja text describes, or that a known name names.</summary>
    /// <param name="templateText">The text of chat_template, or a name of <see cref="Known"/>.</param>
    /// <exception cref="NotSupportedException">It is not among the known ones.</exception>
    public static ChatTemplate Find(string templateText)
    {
        ArgumentNullException.ThrowIfNull(templateText);
        if (templateText == "chatml") return ChatMl;
        var text = templateText.TrimEnd('\n');
        // The space that a tag with a minus takes away, then the escapes of strings; what they stand in holds nothing else that either could meet.
        var joined = Trimmed().Replace(text, "").Replace("\\n", "\n", StringComparison.Ordinal);
        if (OneLine().Match(joined) is { Success: true } line)
            return new("chatml", line.Groups["system"] is { Success: true } said ? said.Value.Replace("\\'", "'", StringComparison.Ordinal) : null, line.Groups["head"].Success);
        if (Blocks().Match(text) is { Success: true } blocks) return new("chatml", blocks.Groups["system"].Value, true);
        var first = templateText.Split('\n')[0];
        throw new NotSupportedException($"The chat template that begins \"{(first.Length > 80 ? first[..80] + "…" : first)}\" is not known. Known: {Recognised}; "
            + "name one (chat_template: chatml) if the model was trained with it, or use prompt and completion instead of messages.");
    }

    /// <summary>The text of a conversation.</summary>
    /// <param name="messages">The turns.</param>
    /// <param name="addGenerationPrompt">Whether the head of the assistant's next turn follows, where the template writes one.</param>
    /// <exception cref="ArgumentException">There are no messages.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt) => Write(messages, addGenerationPrompt).Text;

    /// <summary>The text of a conversation, with whose words stand where.</summary>
    /// <param name="messages">The turns.</param>
    /// <param name="addGenerationPrompt">Whether the head of the assistant's next turn follows, where the template writes one.</param>
    /// <exception cref="ArgumentException">There are no messages.</exception>
    public Conversation Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt = false)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count == 0) throw new ArgumentException("A conversation needs at least one message.", nameof(messages));
        var text = new StringBuilder();
        var (contents, assistant) = (new List<(int, int)>(), new List<(int, int)>());
        if (defaultSystem is not null && messages[0].Role != "system") text.Append("<|im_start|>system\n").Append(defaultSystem).Append("<|im_end|>\n");
        foreach (var message in messages)
        {
            text.Append("<|im_start|>");
            Own(message.Role);
            text.Append('\n');
            var start = text.Length;
            Own(message.Content);
            text.Append("<|im_end|>");
            if (message.Role == "assistant") assistant.Add((start, text.Length));
            text.Append('\n');
        }
        if (addGenerationPrompt && headsAnswers) text.Append("<|im_start|>assistant\n");
        return new(text.ToString(), contents, assistant);

        void Own(string words)
        {
            if (words.Length > 0) contents.Add((text.Length, text.Length + words.Length));
            text.Append(words);
        }
    }

    [GeneratedRegex(@"(?<=-[%}]\})[ \t\r\n]+|[ \t\r\n]+(?=\{[%{]-)", RegexOptions.CultureInvariant)]
    private static partial Regex Trimmed();

    // One line of tags; the message's parts as attributes or as items, each newline written or escaped.
    [GeneratedRegex("""
        ^(?:\{%-?\ if\ not\ add_generation_prompt\ is\ defined\ -?%\}\{%-?\ set\ add_generation_prompt\ =\ false\ -?%\}\{%-?\ endif\ -?%\})?
        \{%-?\ for\ message\ in\ messages\ -?%\}
        (?:\{%-?\ if\ loop\.first\ and\ messages\[0\](?:\['role'\]|\.role)\ !=\ 'system'\ -?%\}\{\{-?\ ?'<\|im_start\|>system\n(?<system>(?:[^'{}\\]|\\')*)<\|im_end\|>\n'\ ?-?\}\}\{%-?\ endif\ -?%\})?
        \{\{-?\ ?'<\|im_start\|>'\ \+\ message(?:\['role'\]|\.role)\ \+\ '\n'\ \+\ message(?:\['content'\]|\.content)\ \+\ '<\|im_end\|>(?:'\ \+\ '\n'|\n')\ ?-?\}\}
        \{%-?\ endfor\ -?%\}
        (?<head>\{%-?\ if\ add_generation_prompt\ -?%\}\{\{-?\ ?'<\|im_start\|>assistant\n'\ ?-?\}\}\{%-?\ endif\ -?%\})?$
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex OneLine();

    // Laid out in blocks, with the assistant's words in a generation block.
    [GeneratedRegex("""
        ^\{%-\ if\ messages\ and\ messages\[0\]\.role\ !=\ 'system'\ -%\}\n<\|im_start\|>system\n(?<system>[^{}]*)<\|im_end\|>\n\{%\ endif\ %\}\n
        \{%-\ for\ message\ in\ messages\ %\}\n<\|im_start\|>\{\{\ message\.role\ \}\}\n
        \{%\ if\ message\.role\ ==\ 'assistant'\ %\}\n\{%\ generation\ %\}\{\{\ message\.content\ \}\}<\|im_end\|>\{%\ endgeneration\ %\}\n
        \{%\ else\ %\}\n\{\{-\ message\.content\ \}\}<\|im_end\|>\n\{%-\ endif\ %\}\n\n\{%\ endfor\ %\}\n
        \{%-\ if\ add_generation_prompt\ %\}\n<\|im_start\|>assistant\n\{%\ endif\ -?%\}$
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Blocks();
}
