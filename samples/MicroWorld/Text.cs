using System.Text.Encodings.Web;
using System.Text.Json;

namespace MicroWorld;

/// <summary>How sentences are put together and how rows are written.</summary>
public static class Text
{
    private static readonly JsonSerializerOptions readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The text with its first letter as a capital.</summary>
    public static string Capitalised(string text) => char.ToUpperInvariant(text[0]) + text[1..];

    /// <summary>The template with each <c>{key}</c> replaced by its value.</summary>
    public static string Filled(string template, IReadOnlyDictionary<string, string> values)
    {
        foreach (var (key, value) in values) template = template.Replace("{" + key + "}", value, StringComparison.Ordinal);
        return template;
    }

    /// <summary>A JSON string literal that escapes only what JSON requires.</summary>
    public static string Quoted(string text) => JsonSerializer.Serialize(text, readable);
}
