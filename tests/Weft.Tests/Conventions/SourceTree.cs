namespace Weft.Tests.Conventions;

/// <summary>The files of the repository, as a reader finds them.</summary>
internal static class SourceTree
{
    public static string Root { get; } = FindRoot();

    /// <summary>C# files below src and tests, paths relative to the root with forward slashes.</summary>
    public static IEnumerable<string> Sources(params string[] below) =>
        below.Select(b => Path.Combine(Root, b)).Where(Directory.Exists)
            .SelectMany(b => Directory.EnumerateFiles(b, "*.cs", SearchOption.AllDirectories))
            .Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/'))
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    /// <summary>Everything a person wrote: sources, documents, recipes, build files.</summary>
    public static IEnumerable<string> Written()
    {
        string[] kinds = [".cs", ".md", ".yaml", ".yml", ".json", ".props", ".targets", ".csproj", ".slnx", ".txt", ""];
        return Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Root, f).Replace('\\', '/'))
            .Where(f => !f.Split('/')[..^1].Any(p => p is ".git" or "artifacts" or "obj" or "bin" or "out" or "TestResults") && f != ".git" && kinds.Contains(Path.GetExtension(f)));
    }

    public static string Read(string file) => File.ReadAllText(Path.Combine(Root, file));

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Weft.slnx"))) return folder.FullName;
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds Weft.slnx.");
    }
}
