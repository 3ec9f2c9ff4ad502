namespace Weft.Tests;

/// <summary>The reference outputs and real models that some tests read: the folder WEFT_SHARED names, else one called shared beside the checkout.</summary>
internal static class SharedData
{
    private static readonly string? root = Find();

    /// <summary>A path below the folder, or a skipped test that says why.</summary>
    public static string Path(params string[] parts)
    {
        if (root is null) Assert.Skip("The reference data is not here: set WEFT_SHARED to its folder, or lay it beside the checkout as shared.");
        var path = System.IO.Path.Combine([root!, .. parts]);
        if (!File.Exists(path) && !Directory.Exists(path)) Assert.Skip($"The reference data has no {string.Join('/', parts)}.");
        return path;
    }

    /// <summary>Names of the folders below a folder that hold a case.json, or none where the data is absent (for theories).</summary>
    public static IEnumerable<string> Cases(params string[] parts)
    {
        var folder = root is null ? null : System.IO.Path.Combine([root, .. parts]);
        return folder is not null && Directory.Exists(folder)
            ? Directory.EnumerateDirectories(folder).Where(d => File.Exists(System.IO.Path.Combine(d, "case.json"))).Select(d => System.IO.Path.GetFileName(d)!).Order(StringComparer.Ordinal)
            : [];
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("WEFT_SHARED") is { Length: > 0 } named) return Directory.Exists(named) ? named : null;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Weft.slnx")))
            {
                var beside = System.IO.Path.Combine(folder.Parent?.FullName ?? "/", "shared");
                return Directory.Exists(beside) ? beside : null;
            }
        return null;
    }
}
