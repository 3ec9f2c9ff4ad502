using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Cli.Verification;

/// <summary>A folder that holds a case: <c>case.json</c>, <c>inputs.safetensors</c>, <c>outputs.safetensors</c>, and a model and an adapter in it or named by it.</summary>
internal static class CaseFolder
{
    private const string FactsFile = "case.json";
    private const string AdapterConfigFile = "adapter_config.json";

    /// <summary>Reads what a case asks for.</summary>
    /// <param name="folder">The folder. Without case.json all defaults hold.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">The case lacks a model, inputs or outputs; all that is missing is listed.</exception>
    /// <exception cref="InvalidDataException">case.json is not one JSON object, or its tolerance is no tolerance.</exception>
    public static VerifyRequest Read(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException(File.Exists(folder)
                ? $"{folder} is a file. A case is a folder with {FactsFile}, inputs.safetensors and outputs.safetensors."
                : $"There is no folder {folder}. A case is a folder with {FactsFile}, inputs.safetensors and outputs.safetensors.");
        var facts = ReadFacts(folder);
        var missing = new List<string>();
        var model = Named(folder, facts, "model") ?? Named(folder, facts, "base") ?? Inside(folder, "model") ?? Word(facts, "model") ?? Word(facts, "base");
        if (model is null) missing.Add($"  a model: {FactsFile} names none under \"model\" or \"base\", and there is no {Path.Combine(folder, "model")}");
        var inputs = Named(folder, facts, "inputs") ?? Inside(folder, "inputs.safetensors");
        if (inputs is null) missing.Add($"  inputs: {(Word(facts, "inputs") is { } named ? $"{named} is in no folder from the case's upwards" : $"{FactsFile} names no other file under \"inputs\"")}, and there is no {Path.Combine(folder, "inputs.safetensors")}");
        var expected = Named(folder, facts, "outputs") ?? Inside(folder, "outputs.safetensors");
        if (expected is null) missing.Add($"  expected outputs: there is no {Path.Combine(folder, "outputs.safetensors")}");
        var adapter = Named(folder, facts, "adapter") ?? Inside(folder, "adapter");
        if (adapter is null && Word(facts, "adapter") is { } unfound) missing.Add($"  the adapter: {unfound} is in no folder from the case's upwards, and there is no {Path.Combine(folder, "adapter")}");
        if (missing.Count > 0) throw new FileNotFoundException($"{folder} is no complete case. Missing:\n{string.Join('\n', missing)}");
        var several = adapter is null ? [] : Several(adapter);
        return new VerifyRequest(model!, several.Count > 0 ? null : adapter, inputs!, expected!)
        {
            GradientsOf = Word(facts, "gradients_of"),
            Tolerances = Tolerances.Read(facts["tolerance"], Path.Combine(folder, FactsFile)),
            WhyNoAdapter = several.Count > 0 ? $"{adapter} holds several adapters ({string.Join(", ", several)}), and verify runs one" : null,
        };
    }

    private static JsonObject ReadFacts(string folder)
    {
        var path = Path.Combine(folder, FactsFile);
        return File.Exists(path) ? JsonFile.Read(path).Value : [];
    }

    // Other areas of a case.json use the same words for objects (shapes, facts of the file); only a string is a path.
    private static string? Word(JsonObject facts, string key) => facts[key] is JsonValue value && value.TryGetValue<string>(out var text) && text.Length > 0 ? text : null;

    // A named path, relative to the case's folder or to any folder above it.
    private static string? Named(string folder, JsonObject facts, string key)
    {
        if (Word(facts, key) is not { } path) return null;
        for (var from = new DirectoryInfo(folder); from is not null; from = from.Parent)
            if (Existing(Path.Combine(from.FullName, path)) is { } found) return found;
        return null;
    }

    private static string? Inside(string folder, string name) => Existing(Path.Combine(folder, name));

    private static string? Existing(string path) => File.Exists(path) || Directory.Exists(path) ? Path.GetFullPath(path) : null;

    private static List<string> Several(string adapter) => !Directory.Exists(adapter) || File.Exists(Path.Combine(adapter, AdapterConfigFile))
        ? []
        : [.. Directory.EnumerateDirectories(adapter).Where(d => File.Exists(Path.Combine(d, AdapterConfigFile))).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];
}
