using System.CommandLine;

namespace Weft.Cli.Commands;

/// <summary><c>weft completion</c>: scripts by which shells complete the verbs and options of weft.</summary>
internal static class CompletionCommand
{
    private static readonly Dictionary<string, string> scripts = new()
    {
        ["bash"] = """
            _weft() {
                local IFS=$'\n'
                COMPREPLY=($(compgen -o default -W "$(weft "[suggest:${COMP_POINT}]" "${COMP_LINE}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
            }
            complete -o default -F _weft weft
            """,
        ["zsh"] = """
            #compdef weft
            _weft() {
                local -a found
                found=("${(@f)$(weft "[suggest:${#BUFFER}]" "${BUFFER}" 2>/dev/null)}")
                compadd -- $found
                _files
            }
            compdef _weft weft
            """,
        ["fish"] = """
            complete -c weft -a '(weft "[suggest:"(string length (commandline -cp))"]" (commandline -cp) 2>/dev/null)'
            """,
    };

    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish." };
        shell.CompletionSources.Add([.. scripts.Keys]);
        var command = new Command("completion", "Writes a script that lets a shell complete verbs and options.") { shell };
        command.SetAction(parsed =>
        {
            var name = parsed.GetRequiredValue(shell);
            if (!scripts.TryGetValue(name, out var script)) throw new UsageException($"There is no completion for \"{name}\".{NearestName.Question(name, scripts.Keys)} There is: {string.Join(", ", scripts.Keys)}.");
            screen.Output.WriteLine(script);
            return ExitCode.Done;
        });
        return command.Examples("source <(weft completion bash)", "weft completion zsh > ~/.zfunc/_weft", "weft completion fish > ~/.config/fish/completions/weft.fish");
    }
}
