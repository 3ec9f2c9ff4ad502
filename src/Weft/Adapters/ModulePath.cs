namespace Weft.Adapters;

/// <summary>The dotted path of a module, taken apart.</summary>
internal static class ModulePath
{
    /// <summary>Its last part.</summary>
    public static string Last(string path) => path[(path.LastIndexOf('.') + 1)..];

    /// <summary>What stands before the last part; empty where that is all.</summary>
    public static string Parent(string path) => path[..Math.Max(0, path.LastIndexOf('.'))];

    /// <summary>The paths of the modules it stands in, outermost first, and itself.</summary>
    public static IEnumerable<string> Above(string path)
    {
        var parts = path.Split('.');
        return Enumerable.Range(1, parts.Length).Select(n => string.Join('.', parts[..n]));
    }

    /// <summary>Its ends at a dot, shortest first, and itself.</summary>
    public static IEnumerable<string> Ends(string path)
    {
        var parts = path.Split('.');
        return Enumerable.Range(1, parts.Length).Select(n => string.Join('.', parts[^n..]));
    }
}
