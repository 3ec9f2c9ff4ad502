using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weft.Cli.Runs;

/// <summary>Reads JSON with comments and commas too many, keeping the line of each key.</summary>
internal static class JsonReader
{
    /// <summary>The object a text holds.</summary>
    /// <param name="text">JSON.</param>
    /// <param name="name">What the text is called in messages.</param>
    /// <exception cref="UsageException">Not one object, with the line.</exception>
    public static SourceDocument Read(string text, string name)
    {
        try
        {
            var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };
            if (JsonNode.Parse(text, documentOptions: options) is not JsonObject root) throw new UsageException($"{name}: the file is to hold one JSON object.");
            return new SourceDocument(root, Places(Encoding.UTF8.GetBytes(text)));
        }
        catch (JsonException e)
        {
            throw new UsageException($"{name}{(e.LineNumber is { } line ? $", line {line + 1}" : "")}: {e.Message.Split(" Path:")[0].Split(" LineNumber:")[0]}");
        }
    }

    private static Dictionary<string, string> Places(byte[] bytes)
    {
        var places = new Dictionary<string, string>();
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        var parents = new Stack<string>();
        var (path, line, counted) = ("", 1, 0L);
        while (reader.Read())
        {
            for (; counted < reader.TokenStartIndex; counted++)
                if (bytes[counted] == '\n') line++;
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    parents.Push(path);
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    path = parents.Pop();
                    break;
                case JsonTokenType.PropertyName:
                    path = SourceDocument.Join(parents.Peek(), reader.GetString()!);
                    places[path] = $"line {line}";
                    break;
            }
        }
        return places;
    }
}
