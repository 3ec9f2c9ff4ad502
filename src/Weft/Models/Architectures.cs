using System.Reflection;
using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Nn;

namespace Weft.Models;

/// <summary>Every model family this process knows, found by <see cref="ArchitectureAttribute"/>.</summary>
public static class Architectures
{
    private static readonly SortedDictionary<string, Func<JsonObject, Weights, string, CausalModel>> families = new(StringComparer.Ordinal);

    private static readonly SortedDictionary<string, Func<Gguf, Checkpoint>> foreign = new(StringComparer.Ordinal);

    static Architectures() => AddFrom(typeof(Architectures).Assembly);

    /// <summary>The model types, in alphabetical order.</summary>
    public static IEnumerable<string> All => families.Keys;

    /// <summary>Adds the families of another assembly; those that are known already stay.</summary>
    /// <exception cref="InvalidOperationException">Two classes claim one model_type, or one lacks its Create method.</exception>
    public static void AddFrom(Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        foreach (var type in assembly.GetTypes())
        {
            if (type.GetCustomAttribute<ArchitectureAttribute>() is not { } name) continue;
            var create = type.GetMethod("Create", [typeof(JsonObject), typeof(Weights), typeof(string)])
                ?? throw new InvalidOperationException($"{type} names the model_type \"{name.ModelType}\" but has no Create(JsonObject, Weights, string).");
            if (families.TryGetValue(name.ModelType, out var other) && other.Method != create)
                throw new InvalidOperationException($"{type} and another class both claim model_type \"{name.ModelType}\".");
            families[name.ModelType] = create.CreateDelegate<Func<JsonObject, Weights, string, CausalModel>>();
            if (name.Gguf is { } gguf) foreign[gguf] = type.GetMethod("FromGguf", BindingFlags.Static | BindingFlags.NonPublic)!.CreateDelegate<Func<Gguf, Checkpoint>>();
        }
    }

    /// <summary>Builds the model of a config.</summary>
    /// <exception cref="InvalidDataException">The config has no model_type, or one that is not known; the known ones are listed.</exception>
    public static CausalModel Create(JsonObject config, Weights weights, string source)
    {
        ArgumentNullException.ThrowIfNull(config);
        var type = config["model_type"] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        if (type is null) throw new InvalidDataException($"{source}: config.json has no model_type. Known are: {string.Join(", ", All)}.");
        if (!families.TryGetValue(type, out var create)) throw new InvalidDataException($"{source}: model_type \"{type}\" is not known. Known are: {string.Join(", ", All)}.");
        return create(JsonNode.Parse(config.ToJsonString())!.AsObject(), weights, source); // numbers made in code then read like those of a file
    }

    /// <summary>A GGUF file in Hugging Face's names, row order and config, by the family its metadata names.</summary>
    /// <exception cref="InvalidDataException">No family reads that architecture; those that are read are listed.</exception>
    internal static Checkpoint FromGguf(Gguf file)
    {
        var architecture = file.Metadata.TryGetValue("general.architecture", out var value) ? value as string : null;
        return foreign.TryGetValue(architecture ?? "", out var view)
            ? view(file)
            : throw new InvalidDataException($"{file.Path}: general.architecture \"{architecture}\" is not known. GGUF files are read of: {string.Join(", ", foreign.Keys)}.");
    }
}
