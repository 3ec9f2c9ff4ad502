using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Weft.Cli;

/// <summary>The XML documentation that lies beside an assembly.</summary>
internal sealed partial class XmlDocs
{
    private static readonly ConcurrentDictionary<Assembly, XmlDocs> read = new();
    private readonly Dictionary<string, XElement> members;

    private XmlDocs(Assembly assembly)
    {
        var path = Path.Combine(AppContext.BaseDirectory, $"{assembly.GetName().Name}.xml");
        if (!File.Exists(path)) path = Path.ChangeExtension(assembly.Location, ".xml");
        members = File.Exists(path) ? XDocument.Load(path, LoadOptions.PreserveWhitespace).Descendants("member").ToDictionary(m => m.Attribute("name")!.Value) : [];
    }

    /// <summary>The documentation of an assembly; empty where its file is missing.</summary>
    public static XmlDocs Of(Assembly assembly) => read.GetOrAdd(assembly, a => new XmlDocs(a));

    /// <summary>What a type is.</summary>
    public string Summary(Type type) => Text(members.GetValueOrDefault($"T:{type.FullName}")?.Element("summary"));

    /// <summary>What a property is.</summary>
    public string Summary(PropertyInfo property) => Text(members.GetValueOrDefault($"P:{property.DeclaringType!.FullName}.{property.Name}")?.Element("summary"));

    /// <summary>The formula of a type's remarks, its lines as written.</summary>
    public string Formula(Type type)
    {
        var code = members.GetValueOrDefault($"T:{type.FullName}")?.Element("remarks")?.Element("code")?.Value ?? "";
        var lines = code.Trim('\r', '\n').TrimEnd().Split('\n').Select(l => l.TrimEnd()).ToList();
        var indent = lines.Where(l => l.Length > 0).Select(l => l.Length - l.TrimStart().Length).DefaultIfEmpty(0).Min();
        return string.Join('\n', lines.Select(l => l.Length > indent ? l[indent..] : l.TrimStart()));
    }

    /// <summary>The remarks of a type without its formula.</summary>
    public string Remarks(Type type)
    {
        if (members.GetValueOrDefault($"T:{type.FullName}")?.Element("remarks") is not { } remarks) return "";
        var copy = new XElement(remarks);
        copy.Elements("code").Remove();
        return Text(copy);
    }

    private static string Text(XElement? element) => element is null ? "" : Blank().Replace(string.Concat(element.Nodes().Select(Plain)), " ").Trim();

    private static string Plain(XNode node) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "see" } see when see.Attribute("cref")?.Value is ['P', ':', ..] property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Split('.')[^1]), // an option, as files spell it
        XElement { Name.LocalName: "see" or "seealso" } see => (see.Attribute("cref")?.Value ?? see.Attribute("href")?.Value ?? see.Attribute("langword")?.Value ?? "").Split('.', '(')[^1],
        XElement { Name.LocalName: "paramref" } parameter => parameter.Attribute("name")?.Value ?? "",
        XElement inner => string.Concat(inner.Nodes().Select(Plain)),
        _ => "",
    };

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank();
}
