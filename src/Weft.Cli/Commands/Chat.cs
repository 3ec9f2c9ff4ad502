using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Weft.Cli.Runs;
using Weft.Data;
using Weft.Evaluation;
using Weft.Models;

namespace Weft.Cli.Commands;

/// <summary>Answers prompts with one model and several sets of adapters in it.</summary>
internal sealed class Chat(
    Screen screen, CausalModel model, Tokenizer tokenizer, ChatTemplate? template, bool isRaw, string? system, GenerationOptions options, IReadOnlyList<(string Label, IReadOnlyList<string> Active)> voices)
{
    private readonly List<ChatMessage> turns = system is null ? [] : [new ChatMessage("system", system)];

    /// <summary>Answers prompts, each by itself.</summary>
    public int Answer(IReadOnlyList<string> prompts)
    {
        var node = new JsonArray();
        foreach (var prompt in prompts)
        {
            var ids = Encode(prompt, turns);
            if (ids.Length == 0) throw new UsageException("The prompt is empty, and this model's tokenizer puts no token of its own before it. Write at least a word; to begin from nothing, give a special token as it stands, such as --raw \"<|endoftext|>\".");
            foreach (var (label, active) in voices)
            {
                model.Activate(active);
                if (prompts.Count > 1 && voices[0].Label == label && !screen.IsJson) screen.Say($"> {prompt}");
                if (voices.Count > 1 && !screen.IsJson) screen.Say($"[{label}]");
                var text = new StringBuilder();
                var (tokens, finish, seconds) = Stream(ids, text, shows: !screen.IsJson);
                node.Add(new JsonObject { ["prompt"] = prompt, ["adapter"] = active.Count == 0 ? null : label, ["answer"] = text.ToString(), ["tokens"] = tokens, ["finish"] = Binder.WordOf(finish), ["tokens_per_second"] = Math.Round(tokens / Math.Max(seconds, 1e-9), 1) });
            }
        }
        if (screen.IsJson) screen.WriteJson(node);
        return ExitCode.Done;
    }

    /// <summary>Talks until the input ends. Ctrl-C ends an answer that is being given, and otherwise the conversation.</summary>
    public int Converse()
    {
        screen.Say($"{model.Source}. Type, and end a line with Enter; /new starts anew, /adapters says who answers, /quit ends.");
        while (true)
        {
            screen.Output.Write("> ");
            screen.Output.Flush();
            switch (screen.Input.ReadLine()?.Trim())
            {
                case null or "/quit" or "/exit":
                    return ExitCode.Done;
                case "":
                    continue;
                case "/new":
                    turns.RemoveAll(t => t.Role != "system");
                    continue;
                case "/adapters":
                    screen.Say(string.Join(", ", voices.Select(v => v.Label)));
                    continue;
                case var command when IsCommand(command):
                    screen.Say($"There is no command {command.Split(' ')[0]}. There are: /new, /adapters, /quit.");
                    continue;
                case var said:
                    Reply(said);
                    break;
            }
        }
    }

    // A path or a fraction that stands first in a line is for the model.
    private static bool IsCommand(string line) => line.Split(' ')[0] is ['/', .. { Length: > 0 } word] && word.All(char.IsAsciiLetter);

    private void Reply(string said)
    {
        var ids = Encode(said, turns);
        if (ids.Length >= model.ContextLength)
        {
            screen.Say($"The conversation has {ids.Length} tokens, and the model sees {model.ContextLength}. /new starts anew.");
            return;
        }
        var text = new StringBuilder();
        using var putOff = screen.Interruption.Defer();
        foreach (var (label, active) in voices)
        {
            model.Activate(active);
            if (voices.Count > 1) screen.Say($"[{label}]");
            text.Clear();
            try
            {
                Stream(ids, text, shows: true);
            }
            catch (OperationCanceledException)
            {
                screen.Say();
                screen.Interruption.Forget();
            }
        }
        // Where several answer, the last one's answer is the conversation's.
        if (template is not null) turns.AddRange([new ChatMessage("user", said), new ChatMessage("assistant", text.ToString())]);
    }

    private (int Tokens, FinishReason Finish, double Seconds) Stream(int[] prompt, StringBuilder text, bool shows)
    {
        var (tokens, finish, clock) = (0, FinishReason.Length, Stopwatch.StartNew());
        foreach (var token in Generation.Stream(model, [prompt], options, screen.Interruption.Token))
        {
            tokens++;
            text.Append(token.Text);
            if (token.Finish is { } ended) finish = ended;
            if (!shows || token.Text.Length == 0) continue;
            screen.Output.Write(token.Text);
            screen.Output.Flush();
        }
        if (shows) screen.Say();
        return (tokens, finish, clock.Elapsed.TotalSeconds);
    }

    private int[] Encode(string prompt, IReadOnlyList<ChatMessage> before)
    {
        if (template is null) return tokenizer.EncodePrompt(prompt, isRaw);
        var (ids, _) = template.Write([.. before, new ChatMessage("user", prompt)], addGenerationPrompt: true).Encode(tokenizer);
        return ids;
    }
}
