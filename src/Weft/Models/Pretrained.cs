using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Nn;

namespace Weft.Models;

/// <summary>Loads a pretrained model from what people have: a Hugging Face folder, a GGUF file, or a name in the local Hugging Face cache.</summary>
public static class Pretrained
{
    /// <summary>Loads a model.</summary>
    /// <param name="path">The name of a built-in base, a folder with config.json and safetensors, a .gguf file or a folder that holds one, or <c>org/name</c> in the local cache.</param>
    /// <param name="matrices">float32 or bfloat16: what matrices are held and multiplied in.</param>
    /// <exception cref="FileNotFoundException">Nothing of that name is there; the message says where it was looked for.</exception>
    /// <exception cref="InvalidDataException">The files do not hold a model this process knows; every difference is listed.</exception>
    public static CausalModel Load(string path, ScalarType matrices = ScalarType.Float32)
    {
        var found = Find(path);
        var checkpoint = Checkpoint.Open(found);
        try
        {
            if (checkpoint is Gguf file)
            {
                checkpoint = Architectures.FromGguf(file);
                return Architectures.Create(ConfigBeside(found) ?? ((IHuggingFaceView)checkpoint).Config, Weights.From(checkpoint, matrices), path);
            }
            return Architectures.Create(ReadConfig(found), Weights.From(checkpoint, matrices), path);
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The folder or file a model's name stands for.</summary>
    /// <exception cref="FileNotFoundException">Nothing of that name is there.</exception>
    public static string Find(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (BuiltInBases.Folder(path) is { } builtIn) return builtIn;
        if (File.Exists(path) || Directory.Exists(path)) return path;
        if (path.Split('/').Length == 2 && !path.StartsWith('.') && !Path.IsPathRooted(path) && HubCache.Find(path) is { } cached) return cached;
        throw new FileNotFoundException($"There is no model at {path}: it is no built-in base ({string.Join(", ", BuiltInBases.Names)}), no folder or file, and not in the local Hugging Face cache. Give a folder with config.json and safetensors, or a .gguf file.", path);
    }

    /// <summary>Reads the config.json of a folder, or of a file beside the given one.</summary>
    /// <exception cref="InvalidDataException">There is none, or it is not one JSON object.</exception>
    public static JsonObject ReadConfig(string found) => ConfigBeside(found) ?? throw new InvalidDataException($"{found} has no config.json, which says what model its tensors are.");

    private static JsonObject? ConfigBeside(string found)
    {
        var path = Path.Combine(Directory.Exists(found) ? found : Path.GetDirectoryName(Path.GetFullPath(found))!, "config.json");
        if (!File.Exists(path)) return null;
        try
        {
            return JsonNode.Parse(File.ReadAllText(path), documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject
                ?? throw new InvalidDataException($"{path} is not one JSON object.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not JSON: {e.Message}", e);
        }
    }
}
