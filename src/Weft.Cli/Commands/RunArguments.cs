using System.CommandLine;
using Weft.Cli.Runs;

namespace Weft.Cli.Commands;

/// <summary>The words by which several verbs name a run: a run file, settings over it, or a model and data without a file.</summary>
internal sealed class RunArguments
{
    private readonly Argument<string[]> words = new("RUNFILE key=value …")
    {
        Description = "A run file (.yaml, .json), and settings over it such as train.learning_rate=1e-3 or adapter.target_modules=[q_proj,v_proj].",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string?> model = new("--model") { Description = "The base: weft-tiny, a folder, a .gguf file, or org/name in the local Hugging Face cache.", HelpName = "M" };
    private readonly Option<string?> data = new("--data") { Description = "The file of training rows (.jsonl, .json, .tsv).", HelpName = "D" };
    private readonly Option<string?> method = new("--method") { Description = "The method; `weft methods` lists them.", HelpName = "X" };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command command)
    {
        command.Add(words);
        command.Add(model);
        command.Add(data);
        method.CompletionSources.Add(SharedOptions.MethodNames);
        command.Add(method);
    }

    /// <summary>Whether a line has any of them.</summary>
    public bool AreIn(ParseResult parsed) => Words(parsed).Length > 0 || parsed.GetValue(model) is not null || parsed.GetValue(data) is not null || parsed.GetValue(method) is not null;

    /// <summary>The run that a line describes.</summary>
    /// <exception cref="UsageException">Two run files, no model, or what is wrong with the file and its settings.</exception>
    public RunFile Read(ParseResult parsed)
    {
        var flag = Words(parsed).FirstOrDefault(w => w.StartsWith('-'));
        if (flag is not null) throw new UsageException(Usage.UnknownOption(parsed.CommandResult.Command, flag));
        var files = Words(parsed).Where(w => !IsSetting(w)).ToList();
        if (files.Count > 1) throw new UsageException($"Two run files are named, {files[0]} and {files[1]}; a run has one. Settings are key=value.");
        var settings = Words(parsed).Where(IsSetting).ToList();
        if (parsed.GetValue(method) is { } m) settings.Insert(0, $"method={m}");
        if (parsed.GetValue(data) is { } d) settings.Insert(0, $"data.train={Quoted(d)}");
        if (parsed.GetValue(model) is { } base_) settings.Insert(0, $"model={Quoted(base_)}");
        if (files.Count == 0 && settings.Count == 0) throw new UsageException($"A run file or --model is wanted: weft {parsed.CommandResult.Command.Name} recipes/quickstart.yaml, or weft {parsed.CommandResult.Command.Name} --model M --data D.");
        return RunFileReader.Read(files.FirstOrDefault(), settings);
    }

    private static string Quoted(string path) => $"\"{path.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private string[] Words(ParseResult parsed) => parsed.GetValue(words) ?? [];

    private static bool IsSetting(string word) => word.IndexOf('=', StringComparison.Ordinal) is > 0 and var cut && !word[..cut].Contains('/') && !word[..cut].Contains('\\');
}
