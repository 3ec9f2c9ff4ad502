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
            if (checkpoint is Gguf file) checkpoint = Architectures.FromGguf(file);
            var config = checkpoint is IHuggingFaceView view ? ConfigBeside(found) ?? view.Config : ReadConfig(found);
            var model = Architectures.Create(config, Weights.From(checkpoint, matrices), path);
            model.Checkpoint = checkpoint;
            return model;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>The folder or file a model's name stands for; the index of a sharded model stands for its folder.</summary>
    /// <exception cref="FileNotFoundException">Nothing of that name is there, or a file of it is a link to one that is missing.</exception>
    public static string Find(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (BuiltInBases.Folder(path) is { } builtIn) return builtIn;
        if (Path.GetFileName(path) == Checkpoint.IndexFile && File.Exists(path)) return Whole(Path.GetDirectoryName(Path.GetFullPath(path))!);
        if (File.Exists(path) || Directory.Exists(path)) return Whole(path);
        if (HubCache.IsName(path)) return Whole(HubCache.Require(path));
        throw new FileNotFoundException(path.AsSpan().ContainsAny('/', '\\', '.')
            ? $"There is no file or folder {Path.GetFullPath(path)}. Give a folder with config.json and safetensors, a .gguf file, a built-in base ({string.Join(", ", BuiltInBases.Names)}), or org/name of the Hugging Face cache."
            : $"There is no model {path}: no folder or file is called so, nor a built-in base ({string.Join(", ", BuiltInBases.Names)}).", path);
    }

    /// <summary>Reads the config.json of a folder, or of a file beside the given one.</summary>
    /// <exception cref="InvalidDataException">There is none, or it is not one JSON object.</exception>
    public static JsonObject ReadConfig(string found) => ConfigBeside(found) ?? throw new InvalidDataException($"{found} has no config.json, which says what model its tensors are.");

    // The cache is a folder of links, and an interrupted download leaves some that lead nowhere. Those to files that are not read do not matter.
    private static string Whole(string found)
    {
        var files = Directory.Exists(found) ? Directory.GetFiles(found) : [found];
        var kinds = files.Any(f => Path.GetExtension(f) == ".safetensors") ? [".safetensors"] : new[] { ".gguf" };
        var broken = files.Where(f => f == found || kinds.Contains(Path.GetExtension(f)) || Path.GetFileName(f) is "config.json" or "tokenizer.json" or Checkpoint.IndexFile)
            .Select(f => new FileInfo(f)).Where(LeadsNowhere).Select(f => $"  {f.FullName} -> {f.LinkTarget}").Order(StringComparer.Ordinal).ToList();
        return broken.Count == 0 ? found
            : throw new FileNotFoundException($"{found} is not whole: what these links lead to is missing, as an interrupted download leaves it.\n{string.Join('\n', broken)}\nDownload the model again.", found);
    }

    private static bool LeadsNowhere(FileInfo file)
    {
        try
        {
            return file.LinkTarget is not null && file.ResolveLinkTarget(returnFinalTarget: true) is not { Exists: true };
        }
        catch (IOException) // links in a circle
        {
            return true;
        }
    }

    private static JsonObject? ConfigBeside(string found)
    {
        var path = Path.Combine(Directory.Exists(found) ? found : Path.GetDirectoryName(Path.GetFullPath(found))!, "config.json");
        return File.Exists(path) ? JsonFile.Read(path).Value : null;
    }
}
