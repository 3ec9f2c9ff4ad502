using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Adapters;

namespace Weft.Cli.Runs;

/// <summary>The JSON schema of run files, made from their records and from the options of every method.</summary>
internal static class RunFileSchema
{
    /// <summary>The schema.</summary>
    public static JsonObject Create()
    {
        var schema = Section(typeof(RunFile));
        var properties = (JsonObject)schema["properties"]!;
        foreach (var (name, record) in PeftMethods.All) properties[name.ToLowerInvariant()] = Method(name, record);
        return new JsonObject { ["$schema"] = "https://json-schema.org/draft/2020-12/schema", ["title"] = "Weft run file", ["description"] = SummaryOf(typeof(RunFile)) }
            .With(schema);
    }

    private static JsonObject With(this JsonObject target, JsonObject more)
    {
        foreach (var (key, value) in more.ToList())
        {
            if (target.ContainsKey(key)) continue;
            more.Remove(key);
            target[key] = value;
        }
        return target;
    }

    private static JsonObject Section(Type record)
    {
        var defaults = Activator.CreateInstance(record)!;
        var properties = new JsonObject();
        foreach (var setting in Setting.Of(record).Where(s => s.Property.GetMethod!.IsPublic))
        {
            var property = setting.Property;
            var types = property.GetCustomAttribute<OneOfAttribute>()?.Types ?? [property.PropertyType];
            var shapes = types.Select(t => Shape(t)).ToList();
            if (new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable) shapes.Add(new JsonObject { ["type"] = "null" });
            var shape = shapes.Count == 1 ? shapes[0] : new JsonObject { ["anyOf"] = new JsonArray([.. shapes]) };
            if (XmlDocs.Of(property.DeclaringType!.Assembly).Summary(property) is { Length: > 0 } summary) shape["description"] = summary;
            if (setting.Get(defaults) is { } value && !Binder.IsSection(value.GetType()))
                shape["default"] = value is Enum word ? Binder.WordOf(word) : JsonSerializer.SerializeToNode(value, value.GetType());
            properties[setting.Key] = shape;
        }
        return new JsonObject { ["type"] = "object", ["description"] = SummaryOf(record), ["additionalProperties"] = false, ["properties"] = properties };
    }

    private static string SummaryOf(Type record) => XmlDocs.Of(record.Assembly).Summary(record);

    private static JsonObject Method(string name, Type record)
    {
        var docs = XmlDocs.Of(record.Assembly);
        var properties = new JsonObject();
        foreach (var (key, property) in PeftConfig.Options(record)) properties[key] = new JsonObject { ["description"] = docs.Summary(property) };
        return new JsonObject { ["type"] = new JsonArray("object", "null"), ["description"] = $"Options of {name} as its adapter_config.json spells them; they act when this method runs.", ["additionalProperties"] = false, ["properties"] = properties };
    }

    private static JsonObject Shape(Type type)
    {
        var plain = Binder.Plain(type);
        if (Binder.IsSection(plain)) return Section(plain);
        if (plain.IsEnum) return new JsonObject { ["enum"] = new JsonArray([.. Binder.WordsOf(plain)]) };
        if (plain == typeof(JsonObject)) return new JsonObject { ["type"] = "object" };
        if (!plain.IsGenericType) return new JsonObject { ["type"] = plain == typeof(string) ? "string" : plain == typeof(bool) ? "boolean" : plain == typeof(double) ? "number" : "integer" };
        var inner = Shape(plain.GetGenericArguments()[^1]);
        return plain.GetGenericTypeDefinition() == typeof(IReadOnlyList<>)
            ? new JsonObject { ["anyOf"] = new JsonArray(new JsonObject { ["type"] = "array", ["items"] = inner }, inner.DeepClone()) }
            : new JsonObject { ["type"] = "object", ["additionalProperties"] = inner };
    }
}
