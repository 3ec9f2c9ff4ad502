using System.Reflection;
using System.Text.Json.Nodes;
using Weft.Adapters;

namespace Weft.Cli.Runs;

/// <summary>Reads run files and what the command line sets over them.</summary>
internal static class RunFileReader
{
    // What a run without a file starts from.
    private const string Defaults = """
        method: wegeft
        adapter: { rank: 16, alpha: 32, target_modules: all-linear }
        train: { learning_rate: 1e-3, batch_size: 16, epochs: 1 }
        """;

    /// <summary>The run that a file and settings over it describe.</summary>
    /// <param name="path">The run file (.yaml, .yml or .json); null starts from the defaults.</param>
    /// <param name="settings">Settings over it, <c>key=value</c>; keys dotted, values YAML.</param>
    /// <exception cref="UsageException">Keys that are not known, values that do not fit: all of them, with their lines.</exception>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static RunFile Read(string? path, IEnumerable<string> settings)
    {
        var document = path is null ? YamlReader.Read(Defaults, "defaults") with { Places = [] } : ReadFile(path); // nobody wrote what has no place
        var problems = new List<string>();
        if (path is not null) ResolvePaths(document.Root, typeof(RunFile), System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!, _ => true, "");
        var set = Apply(document, settings, problems);
        ResolvePaths(document.Root, typeof(RunFile), Directory.GetCurrentDirectory(), key => set.Contains(key), "");
        var methods = PeftMethods.All.Keys.Select(k => k.ToLowerInvariant()).ToHashSet();
        var binder = new Binder(document);
        var run = (RunFile)binder.Section(document.Root, typeof(RunFile), "", methods);
        problems.AddRange(binder.Problems);
        var sections = new Dictionary<string, JsonObject>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in document.Root.Where(m => methods.Contains(m.Key)))
        {
            if (value is JsonObject section) sections[key] = (JsonObject)section.DeepClone();
            else if (value is not null) problems.Add($"{document.At(key)}: {value.ToJsonString()} where a section of {key}'s options is wanted.");
        }
        if (!PeftMethods.All.ContainsKey(run.Method))
            problems.Add($"{document.At("method")}: there is no method \"{run.Method}\".{NearestName.Question(run.Method, methods)} There are: {string.Join(", ", methods.Order(StringComparer.Ordinal))}.");
        run = run with { Methods = sections, Name = path is null ? "run" : System.IO.Path.GetFileNameWithoutExtension(path) };
        if (problems.Count == 0) MethodOptions.DropOverruled(run, document);
        if (problems.Count == 0) problems.AddRange(MethodOptions.ProblemsOf(run, document));
        if (problems.Count > 0) throw new UsageException($"{path ?? "The settings"} cannot be used:\n{string.Join('\n', problems.Select(p => $"  {p}"))}");
        return run;
    }

    private static SourceDocument ReadFile(string path)
    {
        if (Directory.Exists(path))
            throw new UsageException($"{path} is a folder and no run file. {(File.Exists(System.IO.Path.Combine(path, "run.yaml")) ? $"The run file in it is {System.IO.Path.Combine(path, "run.yaml")}." : $"A model is named with --model: --model {path}.")}");
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no run file {path}.{Nearby(path)}", path);
        var text = File.ReadAllText(path);
        return System.IO.Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".json" => JsonReader.Read(text, path),
            ".yaml" or ".yml" => YamlReader.Read(text, path),
            _ => throw new UsageException($"{path} is no run file: its name ends neither in .yaml, .yml nor .json. A model is named with --model, data with --data."),
        };
    }

    private static string Nearby(string path)
    {
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        if (!Directory.Exists(folder)) return "";
        return NearestName.Question(System.IO.Path.GetFileName(path), Directory.EnumerateFiles(folder, "*.*").Select(f => System.IO.Path.GetFileName(f)!).Where(f => f.EndsWith(".yaml", StringComparison.Ordinal) || f.EndsWith(".json", StringComparison.Ordinal)));
    }

    // The keys that were set, with every section they stand in and everything below them.
    private static HashSet<string> Apply(SourceDocument document, IEnumerable<string> settings, List<string> problems)
    {
        var set = new HashSet<string>(StringComparer.Ordinal);
        foreach (var setting in settings)
        {
            var cut = setting.IndexOf('=', StringComparison.Ordinal);
            if (cut <= 0)
            {
                problems.Add($"\"{setting}\" is no setting. Settings are key=value, as train.learning_rate=1e-3.");
                continue;
            }
            var (key, word) = (setting[..cut], setting[(cut + 1)..]);
            var value = word is ['{' or '[', ..] && IsText(key) ? JsonValue.Create(word) : YamlReader.Value(word, key); // {sentence} is a format, not a mapping
            var parts = key.Split('.');
            var at = document.Root;
            for (var i = 0; i < parts.Length - 1; i++)
            {
                if (at[parts[i]] is not JsonObject inner) at[parts[i]] = inner = [];
                at = inner;
            }
            at[parts[^1]] = value;
            foreach (var known in document.Places.Keys.Where(k => k.StartsWith($"{key}.", StringComparison.Ordinal)).ToList()) document.Places.Remove(known);
            document.Places[key] = "command line";
            set.Add(key);
            if (value is JsonObject section) set.UnionWith(section.Select(m => $"{key}.{m.Key}"));
        }
        return set;
    }

    private static bool IsText(string key)
    {
        Type? type = typeof(RunFile);
        foreach (var part in key.Split('.'))
            type = type is not null && Binder.IsSection(type) ? Setting.Of(type).FirstOrDefault(s => s.Key == part && s.Property.GetCustomAttribute<OneOfAttribute>() is null)?.Property.PropertyType : null;
        return type == typeof(string);
    }

    private static void ResolvePaths(JsonObject values, Type record, string folder, Func<string, bool> isMeant, string path)
    {
        foreach (var (key, property, _) in Setting.Of(record))
        {
            var full = SourceDocument.Join(path, key);
            var types = property.GetCustomAttribute<OneOfAttribute>()?.Types ?? [property.PropertyType];
            if (values[key] is JsonObject inner && types.FirstOrDefault(Binder.IsSection) is { } section) ResolvePaths(inner, section, folder, isMeant, full);
            if (property.GetCustomAttribute<PathAttribute>() is not { } kind || !isMeant(full) || values[key] is not JsonValue value || !value.TryGetValue<string>(out var text) || text.Length == 0) continue;
            var resolved = System.IO.Path.GetFullPath(Home(text), folder);
            var isPath = !kind.OrName || text.StartsWith('.') || text.StartsWith('~') || text.EndsWith(".gguf", StringComparison.OrdinalIgnoreCase) || File.Exists(resolved) || Directory.Exists(resolved);
            if (isPath) values[key] = resolved;
        }
    }

    private static string Home(string path) => path.StartsWith("~/", StringComparison.Ordinal)
        ? System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path[2..]) : path;
}
