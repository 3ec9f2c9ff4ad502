using System.CommandLine;
using System.Text;
using Weft.Adapters;
using Weft.Cli.Runs;
using Weft.Data;
using Weft.Models;

namespace Weft.Cli.Commands;

/// <summary><c>weft generate</c>: answers one prompt, a file of prompts, or a person who types.</summary>
internal static class GenerateCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var prompt = new Argument<string?>("PROMPT") { Description = "The prompt. Without one and without --prompts: what is piped in, read whole as one prompt; at a terminal, a conversation.", Arity = ArgumentArity.ZeroOrOne };
        var prompts = new Option<string?>("--prompts") { Description = "A file of prompts: one a line, or rows (.jsonl, .json, .tsv) with a field prompt or text.", HelpName = "FILE" };
        var raw = new Option<bool>("--raw") { Description = "Give the prompt to the model as it stands, without the chat template that it may have; special tokens written in it count." };
        var system = new Option<string?>("--system") { Description = "What the system says at the start of a conversation.", HelpName = "TEXT" };
        var bare = new Option<bool>("--no-adapter") { Description = "Answer with the base alone; beside --adapter, answer with both, one after the other." };
        var (model, adapters, force, threads) = (SharedOptions.Model(), SharedOptions.Adapters(), SharedOptions.Force(), SharedOptions.Threads());
        var precision = new Option<PrecisionChoice>("--precision") { Description = "auto (the default), fp32 or bf16.", HelpName = "P" };
        var sampling = new SamplingOptions();
        var command = new Command("generate", "Answers a prompt, a file of prompts, or a person who types; with adapters, without, or with both for comparison.")
        {
            prompt, model, adapters, bare, prompts, raw, system, precision, force, threads, SharedOptions.Json(),
        };
        sampling.AddTo(command);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(prompt) is not null && parsed.GetValue(prompts) is not null) throw new UsageException("Both a prompt and --prompts are given; one of them is wanted.");
            LoadedModel.UseThreads(parsed.GetValue(threads));
            var name = parsed.GetRequiredValue(model);
            var tokenizer = LoadedModel.TokenizerOf(name);
            var options = sampling.Read(parsed) with { StopTokens = tokenizer.EndIds, Decode = ids => tokenizer.Decode(ids) };
            if (options.Problems().ToList() is { Count: > 0 } problems) throw new UsageException(string.Join('\n', problems));
            using var loaded = LoadedModel.Open(screen, name, parsed.GetValue(precision));
            var template = parsed.GetValue(raw) || tokenizer.ChatTemplate is not { } text ? null : ChatTemplate.Find(text);
            var voices = Voices(screen, loaded, parsed.GetValue(adapters) ?? [], parsed.GetValue(bare), parsed.GetValue(force));
            var chat = new Chat(screen, loaded, tokenizer, template, parsed.GetValue(raw), parsed.GetValue(system), options, voices);
            if (parsed.GetValue(prompt) is { } one) return chat.Answer([one]);
            if (parsed.GetValue(prompts) is { } path) return chat.Answer(Read(path));
            if (screen.IsKeyboard && !screen.IsJson) return chat.Converse();
            var piped = screen.Input.ReadToEnd().TrimEnd('\n', '\r');
            return piped.Length > 0 ? chat.Answer([piped]) : throw new UsageException("There is no prompt: give one, name a file with --prompts, or type in a terminal.");
        });
        return command.Examples("weft generate --model weft-tiny \"Once upon a time\"", "weft generate --model weft-tiny --adapter out/quickstart-1 --prompts prompts.txt", "weft generate --model my.gguf --adapter out/chat-1 --no-adapter \"Hello!\"", "weft generate --model my.gguf --temperature 0.8 --top-p 0.95 --seed 3");
    }

    // Who answers: a label, and the adapters that act.
    private static List<(string Label, IReadOnlyList<string> Active)> Voices(Screen screen, CausalModel model, string[] adapters, bool bare, bool force)
    {
        foreach (var folder in adapters)
        {
            var set = AdapterSet.Load(AdapterFolders.Find(folder), model, folder, force);
            foreach (var note in set.Notes) screen.Error.WriteLine(note);
        }
        var voices = new List<(string, IReadOnlyList<string>)>();
        if (adapters.Length == 0 || bare) voices.Add(("base", []));
        voices.AddRange(adapters.Select(a => (a, (IReadOnlyList<string>)[a])));
        return voices;
    }

    private static List<string> Read(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file of prompts {path}.", path);
        if (Path.GetExtension(path) is not (".jsonl" or ".json" or ".tsv"))
            return [.. File.ReadAllLines(path, new UTF8Encoding(false, throwOnInvalidBytes: true)).Where(l => l.Length > 0)];
        return [.. RowFile.Read(path).Select(r => r.Text("prompt") ?? r.Text("text") ?? throw new InvalidDataException($"{path}, line {r.Line}: the row has neither prompt nor text. It has: {string.Join(", ", r.Fields.Keys)}."))];
    }
}
