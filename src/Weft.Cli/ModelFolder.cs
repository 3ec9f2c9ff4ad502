using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Data;
using Weft.Models;
using static TorchSharp.torch;

namespace Weft.Cli;

/// <summary>Writes a model as a folder in Hugging Face's layout.</summary>
internal static class ModelFolder
{
    private static readonly JsonSerializerOptions indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Refuses a folder that holds something.</summary>
    /// <exception cref="IOException">It does.</exception>
    public static void RequireFree(string folder)
    {
        if (File.Exists(folder) || (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()))
            throw new IOException($"{folder} exists and is not overwritten. Name another folder, or remove it.");
    }

    /// <summary>Writes config.json, model.safetensors and the tokenizer; the folder gets its name when it is whole.</summary>
    /// <param name="folder">The folder; it must not hold anything.</param>
    /// <param name="model">The model with the weights to write; adapters are not written.</param>
    /// <param name="tokenizer">Its tokenizer, where it has one.</param>
    /// <param name="matrices">The type matrices are written in; null leaves them as they are held. Vectors are rounded with them.</param>
    /// <returns>Bytes of the weights.</returns>
    public static long Write(string folder, CausalModel model, Tokenizer? tokenizer, ScalarType? matrices)
    {
        RequireFree(folder);
        var type = matrices ?? model.Tensors[0].Pretrained.dtype;
        var fresh = $"{folder.TrimEnd('/', '\\')}.new";
        if (Directory.Exists(fresh)) Directory.Delete(fresh, recursive: true);
        Directory.CreateDirectory(fresh);
        try
        {
            var weights = Path.Combine(fresh, "model.safetensors");
            Safetensors.Write(weights, Values(model, type), new Dictionary<string, string> { ["format"] = "pt" });
            var config = (JsonObject)model.Config.DeepClone();
            config["torch_dtype"] = type == ScalarType.BFloat16 ? "bfloat16" : "float32";
            AtomicFile.Write(Path.Combine(fresh, "config.json"), config.ToJsonString(indented) + "\n");
            tokenizer?.Save(fresh);
            if (Directory.Exists(folder)) Directory.Delete(folder);
            Directory.Move(fresh, folder);
            return new FileInfo(Path.Combine(folder, "model.safetensors")).Length;
        }
        catch
        {
            if (Directory.Exists(fresh)) Directory.Delete(fresh, recursive: true);
            throw;
        }
    }

    private static IEnumerable<(string, Tensor)> Values(BaseModel model, ScalarType type)
    {
        foreach (var tensor in model.Tensors.Where(t => t.TiedTo is null)) yield return (tensor.Key, tensor.Value.detach().to(type).contiguous());
    }
}
