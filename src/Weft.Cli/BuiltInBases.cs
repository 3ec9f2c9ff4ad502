namespace Weft.Cli;

/// <summary>The base models that come with the program: folders in Hugging Face's layout below <c>bases</c>.</summary>
internal static class BuiltInBases
{
    private static string Root => Path.Combine(AppContext.BaseDirectory, "bases");

    /// <summary>Name and folder of each.</summary>
    public static IReadOnlyDictionary<string, string> All => Directory.Exists(Root)
        ? Directory.EnumerateDirectories(Root).Order(StringComparer.Ordinal).ToDictionary(d => Path.GetFileName(d)!, d => d)
        : new Dictionary<string, string>();

    /// <summary>The folder a name stands for, or the name itself where no base is called so.</summary>
    public static string FolderOr(string name) => !Directory.Exists(name) && All.TryGetValue(name, out var folder) ? folder : name;
}
