using System.CommandLine;
using System.CommandLine.Completions;
using Weft.Adapters;

namespace Weft.Cli.Commands;

/// <summary>Options that mean the same wherever a verb has them.</summary>
internal static class SharedOptions
{
    /// <summary>--json</summary>
    public static Option<bool> Json() => new("--json") { Description = "Write one JSON value to the output; everything said to people goes to the error stream." };

    /// <summary>--threads</summary>
    public static Option<int?> Threads() => new("--threads") { Description = "Threads; the default is the physical cores that the process may use.", HelpName = "N" };

    /// <summary>--model</summary>
    public static Option<string> Model() => new("--model") { Description = "weft-tiny, a folder, a .gguf file, or org/name in the local Hugging Face cache.", HelpName = "M", Required = true };

    /// <summary>--adapter</summary>
    public static Option<string[]> Adapters() => new("--adapter") { Description = "An adapter folder, or a run folder; may be given several times.", HelpName = "DIR", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false, DefaultValueFactory = _ => [] };

    /// <summary>--adapter, of a verb that takes one</summary>
    public static Option<string> Adapter() => new("--adapter") { Description = "The adapter or run folder.", HelpName = "DIR", Required = true };

    /// <summary>--out</summary>
    public static Option<string> Out() => new("--out") { Description = "The folder to write; absent, or empty.", HelpName = "DIR", Required = true };

    /// <summary>--force</summary>
    public static Option<bool> Force() => new("--force") { Description = "Load an adapter although its base's fingerprint is another." };

    /// <summary>The names of all methods, for completion; asked for only then, since it loads the library.</summary>
    public static IEnumerable<CompletionItem> MethodNames(CompletionContext context) => PeftMethods.All.Keys.Select(m => new CompletionItem(m.ToLowerInvariant()));

    /// <summary>--dtype fp32|bf16</summary>
    public static Option<string> Type(string otherwise)
    {
        var option = new Option<string>("--dtype") { Description = $"Precision of the written weights: fp32 or bf16 (default {otherwise}).", HelpName = "fp32|bf16", DefaultValueFactory = _ => otherwise };
        option.CompletionSources.Add("fp32", "bf16");
        option.Validators.Add(r =>
        {
            if (r.Tokens.Count > 0 && r.Tokens[0].Value is not ("fp32" or "bf16")) r.AddError($"--dtype is {r.Tokens[0].Value}; it is fp32 or bf16.");
        });
        return option;
    }
}
