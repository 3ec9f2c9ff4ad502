using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Weft.Adapters;
using Weft.Cli.Runs;
using Weft.Data;
using Weft.Models;
using Weft.Training;

namespace Weft.Cli.Finetuning;

/// <summary>What goes into a run, as it was when the run began.</summary>
/// <param name="Files">The files for the manifest, by what they are.</param>
/// <param name="Hashes">Hashes that a saved state of the run must have, by what messages call them.</param>
internal sealed record Inputs(IReadOnlyDictionary<string, IReadOnlyList<InputFile>> Files, IReadOnlyDictionary<string, string> Hashes)
{
    /// <summary>Hashes the data whole and the base by its fingerprint, not by its files, which may be many times larger.</summary>
    public static Inputs Of(RunFile run, CausalModel model, Dataset dataset)
    {
        (string Key, string? Path)[] named = [("data.train", run.Data.Train), ("data.heldout", run.Data.Heldout as string), ("data.rows", run.Data.Rows)];
        var data = named.Where(d => d.Path is not null).Select(d => (d.Key, File: InputFile.Hashed(d.Path!))).ToList();
        var hashes = data.ToDictionary(d => $"{d.Key} ({d.File.Path})", d => d.File.Sha256!);
        var files = new Dictionary<string, IReadOnlyList<InputFile>> { ["data"] = [.. data.Select(d => d.File)] };
        if (run.Model is string name) // the random start of a new one has other bits on another processor, and all of it stands in the state
        {
            hashes[$"the base ({name})"] = Fingerprint.Of(model);
            files["base"] = [.. FilesOf(Pretrained.Find(name)).Select(f => Path.GetExtension(f) == ".json" ? InputFile.Hashed(f) : InputFile.HashedLater(f))];
        }
        hashes["what the tokenizer makes of the rows"] = HashOf(dataset);
        return new(files, hashes);
    }

    private static IEnumerable<string> FilesOf(string model) => File.Exists(model)
        ? [model]
        : Directory.EnumerateFiles(model).Where(f => Path.GetExtension(f) is ".safetensors" or ".json" or ".gguf").Order(StringComparer.Ordinal);

    // It tells another tokenizer or chat template, whatever file or metadata it is read from.
    private static string HashOf(Dataset dataset)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var example in dataset.Train.Concat(dataset.HeldOut))
        {
            hash.AppendData(BitConverter.GetBytes(example.Ids.Length));
            hash.AppendData(MemoryMarshal.AsBytes<int>(example.Ids));
            hash.AppendData(MemoryMarshal.AsBytes<int>(example.Labels));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
