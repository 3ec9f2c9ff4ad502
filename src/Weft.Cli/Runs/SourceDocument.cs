using System.Text.Json.Nodes;

namespace Weft.Cli.Runs;

/// <summary>A file of settings as read: its values, and where each stands.</summary>
/// <param name="Root">The values.</param>
/// <param name="Places">Place of each value by its dotted key: <c>line 7</c>, <c>command line</c>.</param>
internal sealed record SourceDocument(JsonObject Root, Dictionary<string, string> Places)
{
    /// <summary>An empty one.</summary>
    public static SourceDocument Empty => new([], []);

    /// <summary>The dotted key with its place, as problems name it.</summary>
    public string At(string key) => Places.TryGetValue(key, out var place) ? $"{key} ({place})" : key;

    /// <summary>Whether somebody wrote a key, or the section that it stands in as a whole.</summary>
    public bool Has(string section, string key) => Places.ContainsKey(section) || Places.ContainsKey(Join(section, key));

    /// <summary>The dotted key of a member.</summary>
    public static string Join(string parent, string key) => parent.Length == 0 ? key : $"{parent}.{key}";
}
