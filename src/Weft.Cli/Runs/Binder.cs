using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weft.Cli.Runs;

/// <summary>Turns values into records, and gathers everything that does not fit instead of stopping at the first.</summary>
internal sealed class Binder(SourceDocument source)
{
    private readonly List<string> problems = [];

    /// <summary>What does not fit.</summary>
    public IReadOnlyList<string> Problems => problems;

    /// <summary>Whether a type is a record of settings.</summary>
    public static bool IsSection(Type type) => type.IsClass && type.Namespace == typeof(Binder).Namespace;

    /// <summary>A record with the values of an object; keys it has no property for are problems, unless they are named as other sections.</summary>
    /// <param name="values">The values.</param>
    /// <param name="record">The record's type.</param>
    /// <param name="path">Dotted key of the object; empty at the top.</param>
    /// <param name="others">Keys that stand there and are read elsewhere.</param>
    public object Section(JsonObject values, Type record, string path = "", IReadOnlyCollection<string>? others = null)
    {
        var made = Activator.CreateInstance(record)!;
        var settings = Setting.Of(record);
        foreach (var (key, value) in values)
        {
            if (others?.Contains(key) == true) continue;
            var full = SourceDocument.Join(path, key);
            if (settings.FirstOrDefault(s => s.Key == key) is not { } setting)
            {
                problems.Add(Unknown(key, full, path, settings.Select(s => s.Key).Concat(others ?? [])));
                continue;
            }
            if (Value(value, setting.Property, full) is { Fits: true, Read: var read }) setting.Put(made, read);
        }
        return made;
    }

    private string Unknown(string key, string full, string path, IEnumerable<string> known)
    {
        var elsewhere = AllKeys(typeof(RunFile), "").FirstOrDefault(k => k.EndsWith($".{key}", StringComparison.Ordinal) || k == key);
        var nearest = NearestName.Of(key, known);
        var question = nearest is not null && (elsewhere is null || NearestName.Distance(key, nearest) <= 1) ? $" Did you mean {SourceDocument.Join(path, nearest)}?"
            : elsewhere is not null ? $" Did you mean {elsewhere}?" : $" Known are: {string.Join(", ", known)}.";
        return $"{source.At(full)}: there is no such key.{question}";
    }

    private static IEnumerable<string> AllKeys(Type record, string path) => Setting.Of(record).SelectMany(s =>
        AllKeysOf(s.Property, SourceDocument.Join(path, s.Key)));

    private static IEnumerable<string> AllKeysOf(PropertyInfo property, string full) =>
        IsSection(property.PropertyType) ? AllKeys(property.PropertyType, full).Prepend(full) : [full];

    private (bool Fits, object? Read) Value(JsonNode? value, PropertyInfo property, string full)
    {
        if (value is null)
        {
            if (IsSection(property.PropertyType)) return (true, Activator.CreateInstance(property.PropertyType)); // an emptied section has its defaults
            if (IsNullable(property)) return (true, null);
        }
        var types = property.GetCustomAttribute<OneOfAttribute>()?.Types ?? [property.PropertyType];
        foreach (var type in types)
        {
            if (IsSection(type) && value is JsonObject section) return (true, Section(section, type, full));
            if (TryRead(value, type, out var read)) return (true, read);
        }
        problems.Add($"{source.At(full)}: {Misfit(value, types, full)}");
        return (false, null);
    }

    private static string Misfit(JsonNode? value, IReadOnlyList<Type> types, string full)
    {
        if (value is JsonObject nested && nested.Any(m => m.Value is JsonObject) && types.Any(IsMap))
            return $"a name with dots is one key; write {full}={{{string.Join(", ", Leaves(nested, "").Select(l => $"\"{l.Name}\": {l.Value}"))}}}.";
        if (value?.GetValueKind() == JsonValueKind.Number && types.Select(Plain).FirstOrDefault(t => t == typeof(int) || t == typeof(long)) is { } whole)
        {
            var (number, most) = (double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture), whole == typeof(int) ? int.MaxValue : 1L << 53);
            if (Math.Abs(number) > most) return number > 0 ? $"{value.ToJsonString()} is too large; {most} is the most." : $"{value.ToJsonString()} is too small; {-most} is the least.";
        }
        return $"{value?.ToJsonString() ?? "null"} where {string.Join(" or ", types.Select(Wanted))} is wanted.";
    }

    // What a command line makes of a dotted name, put together again.
    private static IEnumerable<(string Name, string Value)> Leaves(JsonObject map, string path) => map.SelectMany(m =>
        m.Value is JsonObject inner ? Leaves(inner, SourceDocument.Join(path, m.Key)) : [(SourceDocument.Join(path, m.Key), m.Value?.ToJsonString() ?? "null")]);

    private static bool IsMap(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>);

    /// <summary>The type, without the question mark that it may have.</summary>
    public static Type Plain(Type type) => Nullable.GetUnderlyingType(type) ?? type;

    private static bool IsNullable(PropertyInfo property) => new NullabilityInfoContext().Create(property).WriteState == NullabilityState.Nullable;

    private static bool TryRead(JsonNode? value, Type type, out object? read)
    {
        read = null;
        type = Plain(type);
        if (type == typeof(JsonObject)) return (read = (value as JsonObject)?.DeepClone()) is not null;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>)) return TryReadList(value, type.GetGenericArguments()[0], out read);
        if (IsMap(type)) return TryReadMap(value, type.GetGenericArguments()[1], out read);
        if (value is not JsonValue scalar) return false;
        if (type == typeof(string)) return scalar.TryGetValue<string>(out var text) && (read = text) is not null;
        if (type == typeof(bool)) return (read = scalar.TryGetValue<bool>(out var flag) ? flag : null) is not null;
        if (type.IsEnum) return scalar.TryGetValue<string>(out var word) && TryReadWord(word, type, out read);
        if (scalar.GetValueKind() != JsonValueKind.Number) return false;
        var number = double.Parse(scalar.ToJsonString(), CultureInfo.InvariantCulture);
        if (!double.IsFinite(number)) return false;
        if (type == typeof(double)) return (read = number) is not null;
        if (number != Math.Floor(number) || Math.Abs(number) > 1L << 53) return false;
        if (type == typeof(long)) return (read = (long)number) is not null;
        return type == typeof(int) && Math.Abs(number) <= int.MaxValue && (read = (int)number) is not null;
    }

    private static bool TryReadWord(string word, Type type, out object? read)
    {
        read = Enum.GetValues(type).Cast<Enum>().FirstOrDefault(v => string.Equals(WordOf(v), word, StringComparison.OrdinalIgnoreCase));
        return read is not null;
    }

    private static bool TryReadList(JsonNode? value, Type element, out object? read)
    {
        List<JsonNode?>? items = value is JsonArray array ? [.. array] : value is JsonValue ? [value] : null; // one value is a list of one
        var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(element))!;
        read = list;
        foreach (var item in items ?? [])
        {
            if (!TryRead(item, element, out var one)) return false;
            list.Add(one);
        }
        return items is not null;
    }

    private static bool TryReadMap(JsonNode? value, Type element, out object? read)
    {
        var map = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), element))!;
        read = map;
        foreach (var (key, item) in value as JsonObject ?? [])
        {
            if (!TryRead(item, element, out var one)) return false;
            map[key] = one;
        }
        return value is JsonObject;
    }

    /// <summary>How run files, lines and JSON spell a value of an enumeration.</summary>
    public static string WordOf(Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>How they spell all of them.</summary>
    public static IEnumerable<string> WordsOf(Type type) => Enum.GetValues(type).Cast<Enum>().Select(WordOf);

    /// <summary>What a value of a type is called.</summary>
    public static string Wanted(Type type)
    {
        var plain = Plain(type);
        if (plain.IsEnum) return "one of " + string.Join(", ", WordsOf(plain));
        if (plain.IsGenericType) return plain.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? $"a list of {Plural(plain.GetGenericArguments()[0])}" : $"a mapping from names to {Plural(plain.GetGenericArguments()[1])}";
        return plain == typeof(string) ? "a text" : plain == typeof(bool) ? "true or false" : plain == typeof(double) ? "a number" : plain == typeof(int) || plain == typeof(long) ? "a whole number" : "a section of keys";
    }

    private static string Plural(Type type) => type == typeof(string) ? "texts" : type == typeof(double) ? "numbers" : "whole numbers";
}
