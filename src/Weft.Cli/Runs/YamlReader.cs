using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Weft.Cli.Runs;

/// <summary>Reads YAML into JSON values, by the core schema of YAML 1.2: only true, false, null and numbers are not text.</summary>
internal sealed partial class YamlReader
{
    private const int DeepestNesting = 32;
    private readonly Dictionary<string, string> places = [];

    /// <summary>The mapping a text holds.</summary>
    /// <param name="text">YAML.</param>
    /// <param name="name">What the text is called in messages.</param>
    /// <exception cref="UsageException">Not one mapping, with the line.</exception>
    public static SourceDocument Read(string text, string name)
    {
        var reader = new YamlReader();
        try
        {
            var root = Root(text);
            if (root is null) return SourceDocument.Empty;
            if (root is not YamlMappingNode mapping) throw new UsageException($"{name}: the file is to hold keys and values (key: value), one a line.");
            return new SourceDocument((JsonObject)reader.Convert(mapping, "", 0)!, reader.places);
        }
        catch (YamlException e)
        {
            throw new UsageException($"{name}, line {e.Start.Line}: {e.InnerException?.Message ?? e.Message}");
        }
    }

    /// <summary>One value: a scalar, or a list or mapping in flow style.</summary>
    /// <exception cref="UsageException">Not YAML.</exception>
    public static JsonNode? Value(string text, string name)
    {
        try
        {
            return Root(text) is { } root ? new YamlReader().Convert(root, "", 0) : null;
        }
        catch (YamlException e)
        {
            throw new UsageException($"{name}: \"{text}\" is not a value: {e.InnerException?.Message ?? e.Message}");
        }
    }

    private static YamlNode? Root(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        if (stream.Documents.Count > 1) throw new YamlException(stream.Documents[1].RootNode.Start, stream.Documents[1].RootNode.End, "a second document begins; one is wanted");
        return stream.Documents.Count == 0 ? null : stream.Documents[0].RootNode;
    }

    private JsonNode? Convert(YamlNode node, string path, int depth)
    {
        if (depth > DeepestNesting) throw new YamlException(node.Start, node.End, $"values are nested more than {DeepestNesting} deep");
        places.TryAdd(path, $"line {node.Start.Line}");
        switch (node)
        {
            case YamlMappingNode mapping:
                var members = new JsonObject();
                foreach (var (key, value) in mapping)
                {
                    if (key is not YamlScalarNode { Value: { } name }) throw new YamlException(key.Start, key.End, "a key is to be a word");
                    var inner = SourceDocument.Join(path, name);
                    places[inner] = $"line {key.Start.Line}";
                    members[name] = Convert(value, inner, depth + 1);
                }
                return members;
            case YamlSequenceNode sequence:
                return new JsonArray([.. sequence.Children.Select((c, i) => Convert(c, $"{path}[{i}]", depth + 1))]);
            case YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.Any, Tag.IsEmpty: true } plain:
                return Plain(plain.Value ?? "");
            case YamlScalarNode scalar:
                return JsonValue.Create(scalar.Value);
            default:
                throw new YamlException(node.Start, node.End, "a value, a list or a mapping is wanted");
        }
    }

    private static JsonNode? Plain(string text)
    {
        if (text is "" or "~" or "null" or "Null" or "NULL") return null;
        if (text is "true" or "True" or "TRUE") return true;
        if (text is "false" or "False" or "FALSE") return false;
        if (Whole().IsMatch(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        return Fraction().IsMatch(text) && double.Parse(text, CultureInfo.InvariantCulture) is var number && double.IsFinite(number) ? number : JsonValue.Create(text); // 1e400 is no number that JSON has
    }

    [GeneratedRegex(@"^[-+]?[0-9]+\z")]
    private static partial Regex Whole();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\z")]
    private static partial Regex Fraction();
}
