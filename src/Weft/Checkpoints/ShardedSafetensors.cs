using System.Text.Json;

namespace Weft.Checkpoints;

/// <summary>A folder of safetensors files and the index that says which tensor lies in which.</summary>
internal sealed class ShardedSafetensors : Checkpoint
{
    private const long LongestIndex = 100_000_000;
    private readonly Dictionary<string, SafetensorsFile> shards = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, string> shardOf = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, TensorEntry> entries = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, object> metadata = new(StringComparer.Ordinal);

    /// <param name="folder">The folder.</param>
    /// <param name="index">The path of its <c>model.safetensors.index.json</c>.</param>
    public ShardedSafetensors(string folder, string index)
        : base(folder)
    {
        var problems = new Problems($"{index} does not describe its shards");
        try
        {
            ReadIndex(index, problems);
            foreach (var name in shardOf.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)) OpenShard(folder, name, problems);
            foreach (var (tensor, shard) in shardOf)
                if (shards.TryGetValue(shard, out var file) && !file.Tensors.ContainsKey(tensor))
                    problems.Add($"{shard}: has no tensor \"{tensor}\", which the index places there");
            problems.ThrowIfAny();
        }
        catch
        {
            Dispose(true);
            throw;
        }
    }

    public override IReadOnlyDictionary<string, TensorEntry> Tensors => entries;

    public override IReadOnlyDictionary<string, object> Metadata => metadata;

    public override Tensor Read(string name, ScalarType? type = null) =>
        shardOf.TryGetValue(name, out var shard) ? shards[shard].Read(name, type) : throw NoTensor(name);

    protected override void Dispose(bool disposing)
    {
        foreach (var shard in shards.Values) shard.Dispose();
    }

    private void ReadIndex(string index, Problems problems)
    {
        var length = new FileInfo(index).Length;
        if (length > LongestIndex) throw new InvalidDataException($"{index}: {length} bytes long; at most {LongestIndex} are allowed.");
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(index));
            var root = json.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
                throw new InvalidDataException($"{index}: an object with a weight_map (tensor name to file name) is needed.");
            if (root.TryGetProperty("metadata", out var about) && about.ValueKind == JsonValueKind.Object)
                foreach (var item in about.EnumerateObject()) metadata[item.Name] = item.Value.ToString();
            foreach (var item in map.EnumerateObject()) Place(item, problems);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{index}: not valid JSON. {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{index}: a string is not valid Unicode.", e);
        }
    }

    private void Place(JsonProperty item, Problems problems)
    {
        var file = item.Value.ValueKind == JsonValueKind.String ? item.Value.GetString()! : null;
        if (file is null) problems.Add($"weight_map: \"{item.Name}\" must name a file");
        else if (file is "" or "." or ".." || file.AsSpan().IndexOfAny('/', '\\', '\0') >= 0)
            problems.Add($"weight_map: \"{item.Name}\" lies in \"{file}\"; only a file name without a folder is allowed");
        else if (!shardOf.TryAdd(item.Name, file)) problems.Add($"weight_map: the name \"{item.Name}\" stands twice");
    }

    private void OpenShard(string folder, string name, Problems problems)
    {
        var path = System.IO.Path.Combine(folder, name);
        if (!File.Exists(path))
        {
            problems.Add($"{name}: is missing ({shardOf.Count(p => p.Value == name)} tensors are said to lie in it)");
            return;
        }
        try
        {
            shards.Add(name, new SafetensorsFile(path, path));
        }
        catch (InvalidDataException e)
        {
            problems.Add(e.Message.ReplaceLineEndings("\n  "));
            return;
        }
        foreach (var (tensor, entry) in shards[name].Tensors)
        {
            if (!shardOf.TryGetValue(tensor, out var shard)) problems.Add($"{name}: holds \"{tensor}\", which the index does not name");
            else if (shard != name) problems.Add($"{name}: holds \"{tensor}\", which the index places in {shard}");
            else entries.Add(tensor, entry);
        }
    }
}
