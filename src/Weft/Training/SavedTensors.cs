namespace Weft.Training;

// Reading tensors back into the ones that are in use: all or nothing.
internal static class SavedTensors
{
    public static void CopyInto(IReadOnlyCollection<(string Key, Tensor Value)> live, IReadOnlyDictionary<string, Tensor> saved, string what)
    {
        var problems = new List<string>();
        foreach (var (key, value) in live)
            if (!saved.TryGetValue(key, out var read)) problems.Add($"{key}: missing");
            else if (!read.shape.SequenceEqual(value.shape)) problems.Add($"{key}: ({string.Join(", ", read.shape)}) for ({string.Join(", ", value.shape)})");
            else if (read.dtype != value.dtype) problems.Add($"{key}: {read.dtype} for {value.dtype}");
        var known = live.Select(l => l.Key).ToHashSet(StringComparer.Ordinal);
        problems.AddRange(saved.Keys.Where(k => !known.Contains(k)).Order(StringComparer.Ordinal).Select(k => $"{k}: unexpected"));
        if (problems.Count > 0)
            throw new InvalidDataException($"{what} does not fit what is trained:\n  {string.Join("\n  ", problems)}\nResume with the configuration the run was started with.");
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        foreach (var (key, value) in live) value.copy_(saved[key]);
    }
}
