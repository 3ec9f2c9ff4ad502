using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weft.Checkpoints;

/// <summary>A file of one JSON object that others have written: a config, a case.</summary>
public static class JsonFile
{
    /// <summary>Its text and its object; no key stands in it twice.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is not one JSON object.</exception>
    public static (string Text, JsonObject Value) Read(string path)
    {
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no file {path}.", path);
        var text = File.ReadAllText(path);
        try
        {
            return (text, JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false }) as JsonObject ?? throw new InvalidDataException($"{path} is not one JSON object."));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not JSON: {e.Message}", e);
        }
    }
}
