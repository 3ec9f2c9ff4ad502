namespace Weft.Cli;

/// <summary>The adapter folder that a path means.</summary>
internal static class AdapterFolders
{
    /// <summary>The path itself, or the best adapter of the run folder it names.</summary>
    /// <exception cref="FileNotFoundException">Neither is there.</exception>
    public static string Find(string path)
    {
        if (!Directory.Exists(path)) throw new FileNotFoundException($"There is no adapter folder {path}.", path);
        foreach (var folder in new[] { path, Path.Combine(path, "adapter"), Path.Combine(path, "best") })
            if (File.Exists(Path.Combine(folder, "adapter_config.json"))) return folder;
        throw new FileNotFoundException($"{path} is no adapter folder: it has no adapter_config.json. There is: {Listed(path)}.", path);
    }

    private static string Listed(string path)
    {
        var names = Directory.EnumerateFileSystemEntries(path).Select(e => Path.GetFileName(e)!).Order(StringComparer.Ordinal).Take(12).ToList();
        return names.Count == 0 ? "nothing" : string.Join(", ", names);
    }
}
