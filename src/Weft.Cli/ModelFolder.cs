using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Models;
using static TorchSharp.torch;

namespace Weft.Cli;

/// <summary>Writes a model as a folder in Hugging Face's layout.</summary>
internal static class ModelFolder
{
    /// <summary>How bf16 weights are rounded, in words.</summary>
    public const string Rounding = "once to bf16, to the nearest, ties to even";

    /// <summary>How a JSON file of such a folder is laid out.</summary>
    public static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Refuses a folder that holds something, or that cannot be made because a file stands above it.</summary>
    /// <exception cref="IOException">It does, or one does.</exception>
    public static void RequireFree(string folder)
    {
        if (File.Exists(folder) || (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()))
            throw new IOException($"{folder} exists and is not overwritten. Name another folder, or remove it.");
        for (var above = Path.GetDirectoryName(Full(folder)); above is not null; above = Path.GetDirectoryName(above))
            if (File.Exists(above)) throw new IOException($"{folder} cannot be made: {above} is a file. Name a folder that does not lie below a file.");
    }

    /// <summary>Writes config.json, model.safetensors and what goes with them. A new folder gets its name when it is whole; one that is there and empty gets its files then, config.json last.</summary>
    /// <param name="folder">The folder; it must not hold anything.</param>
    /// <param name="model">The model with the weights to write; adapters are not written.</param>
    /// <param name="beside">The tokenizer's files and what else stands beside config and weights.</param>
    /// <param name="matrices">The type matrices are written in; null leaves them as they are held. Vectors are rounded with them.</param>
    /// <returns>Bytes of the weights.</returns>
    public static long Write(string folder, CausalModel model, SideFiles beside, ScalarType? matrices)
    {
        RequireFree(folder);
        var type = matrices ?? model.Tensors[0].Pretrained.dtype;
        // A folder that is there may be a mount or the one the shell stands in, so it is filled and not replaced.
        var (target, isThere) = (Full(folder), Directory.Exists(folder));
        var fresh = Path.Combine(isThere ? target : Path.GetDirectoryName(target)!, $".{Guid.NewGuid():N}.tmp");
        Directory.CreateDirectory(fresh);
        try
        {
            Safetensors.Write(Path.Combine(fresh, "model.safetensors"), Values(model, type), new Dictionary<string, string> { ["format"] = "pt" });
            beside.Write(fresh, model.Config);
            AtomicFile.Write(Path.Combine(fresh, "config.json"), Config(model, type).ToJsonString(Indented) + "\n");
            if (isThere) MoveFiles(fresh, target);
            else Directory.Move(fresh, target);
            return new FileInfo(Path.Combine(target, "model.safetensors")).Length;
        }
        catch
        {
            if (Directory.Exists(fresh)) Directory.Delete(fresh, recursive: true);
            throw;
        }
    }

    private static JsonObject Config(CausalModel model, ScalarType type)
    {
        var config = (JsonObject)model.Config.DeepClone();
        config[config.ContainsKey("dtype") ? "dtype" : "torch_dtype"] = type == ScalarType.BFloat16 ? "bfloat16" : "float32";
        if (config.ContainsKey("dtype")) config.Remove("torch_dtype");
        // A reader that obeys a tie would put the embedding in place of a head of its own.
        if (config.ContainsKey("tie_word_embeddings") && model.Head.Tensors.All(t => t.TiedTo is null)) config["tie_word_embeddings"] = false;
        return config;
    }

    // The weights come before what says that they are a model.
    private static void MoveFiles(string fresh, string target)
    {
        var moved = new List<string>();
        try
        {
            foreach (var file in Directory.GetFiles(fresh).OrderBy(f => Path.GetFileName(f) == "config.json"))
            {
                var name = Path.Combine(target, Path.GetFileName(file));
                File.Move(file, name);
                moved.Add(name);
            }
            Directory.Delete(fresh);
        }
        catch
        {
            foreach (var name in moved) File.Delete(name);
            throw;
        }
    }

    private static string Full(string folder) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));

    private static IEnumerable<(string, Tensor)> Values(BaseModel model, ScalarType type)
    {
        foreach (var tensor in model.Tensors.Where(t => t.TiedTo is null)) yield return (tensor.Key, tensor.Value.detach().to(type).contiguous());
    }
}
