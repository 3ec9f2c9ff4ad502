using System.Text.RegularExpressions;

namespace Weft.Checkpoints;

/// <summary>Models that Hugging Face's tools have already downloaded to this machine.</summary>
/// <remarks>Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache: <c>models--org--name/refs/main</c> holds the name of a folder in <c>snapshots/</c>.</remarks>
public static partial class HubCache
{
    /// <summary>The folder of a downloaded model, or a .gguf file in it; null where the cache does not hold it.</summary>
    /// <param name="name"><c>org/name</c>, or <c>org/name/file.gguf</c>, either with <c>@revision</c> (a branch, tag or commit) behind it; without one, <c>main</c>.</param>
    public static string? Find(string name) => Find(name, Environment.GetEnvironmentVariable);

    /// <summary>The folder of a downloaded model, or a .gguf file in it.</summary>
    /// <param name="name">As in <see cref="Find(string)"/>.</param>
    /// <exception cref="FileNotFoundException">The cache does not hold it; the message says where it was looked for and how to get it.</exception>
    public static string Require(string name) => Require(name, Environment.GetEnvironmentVariable);

    /// <summary>Whether a name that is no path here means the cache: <c>org/name</c>, a name alone that it holds, or a file of a model that it holds.</summary>
    internal static bool IsName(string name) => IsName(name, Environment.GetEnvironmentVariable);

    internal static bool IsName(string name, Func<string, string?> environment) =>
        Parse(name) is var (repository, file, revision)
        && (file is null && repository.Contains('/') && Path.GetExtension(repository) is not (".gguf" or ".safetensors" or ".json") || Snapshot(repository, revision, environment) is not null);

    internal static string? Find(string name, Func<string, string?> environment)
    {
        if (Parse(name) is not var (repository, file, revision) || Snapshot(repository, revision, environment) is not { } snapshot) return null;
        return file is null ? snapshot : Path.Combine(snapshot, file) is var path && File.Exists(path) ? path : null;
    }

    private static string? Snapshot(string repository, string revision, Func<string, string?> environment)
    {
        var folder = Path.Combine(Root(environment), Folder(repository));
        var reference = Path.Combine([folder, "refs", .. revision.Split('/')]);
        var commit = File.Exists(reference) ? File.ReadAllText(reference).Trim() : revision;
        if (!Commit().IsMatch(commit)) return null;
        var snapshot = Path.Combine(folder, "snapshots", commit);
        return Directory.Exists(snapshot) ? snapshot : null;
    }

    internal static string Require(string name, Func<string, string?> environment)
    {
        if (Find(name, environment) is { } found) return found;
        if (Parse(name) is not var (repository, file, revision))
            throw new FileNotFoundException($"{name} is no name of a model on the Hugging Face hub: org/name, org/name/file.gguf or either with @revision is needed.");
        var command = $"hf download {repository}{(file is null ? "" : $" {file}")}{(revision == "main" ? "" : $" --revision {revision}")}";
        var held = Snapshot(repository, revision, environment) is { } snapshot
            ? $"\n  there is: {string.Join(", ", Directory.EnumerateFiles(snapshot, "*.gguf").Select(Path.GetFileName).Order(StringComparer.Ordinal).DefaultIfEmpty("no .gguf file"))}"
            : "";
        throw new FileNotFoundException($"{name} is no file or folder here, and not in the Hugging Face cache.\n  looked in: {Path.Combine(Root(environment), Folder(repository))}, revision {revision}{held}\n" +
            $"  Get it with `{command}`, set HF_HOME or HF_HUB_CACHE to the cache that has it, or name a folder or a .gguf file. Weft itself does not download yet.");
    }

    private static string Root(Func<string, string?> environment)
    {
        string? Set(string variable) => environment(variable) is { Length: > 0 } value ? Expanded(value) : null;
        string Expanded(string path) => path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? Home() + path[1..] : path;
        string Home() => environment("HOME") is { Length: > 0 } home ? home : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

        if ((Set("HF_HUB_CACHE") ?? Set("HUGGINGFACE_HUB_CACHE")) is { } hub) return hub;
        if (Set("HF_HOME") is { } hugging) return Path.Combine(hugging, "hub");
        return Path.Combine(Set("XDG_CACHE_HOME") ?? Path.Combine(Home(), ".cache"), "huggingface", "hub");
    }

    private static string Folder(string repository) => $"models--{repository.Replace("/", "--", StringComparison.Ordinal)}";

    private static (string Repository, string? File, string Revision)? Parse(string name)
    {
        var match = Name().Match(name);
        if (!match.Success || name.Contains("..", StringComparison.Ordinal)) return null;
        var revision = match.Groups["revision"] is { Success: true, Value: var given } ? given : "main";
        return (match.Groups["repository"].Value, match.Groups["file"] is { Success: true, Value: var file } ? file : null, revision);
    }

    [GeneratedRegex(@"^(?<repository>[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?)(/(?<file>[A-Za-z0-9_][A-Za-z0-9._/-]*\.gguf))?(@(?<revision>[A-Za-z0-9_][A-Za-z0-9._/-]*))?\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[A-Za-z0-9_-][A-Za-z0-9._-]*\z")]
    private static partial Regex Commit();
}
