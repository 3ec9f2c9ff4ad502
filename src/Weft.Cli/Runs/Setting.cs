using System.Reflection;
using System.Text.Json;

namespace Weft.Cli.Runs;

/// <summary>One key of a section of the run file and the property that holds its value.</summary>
/// <param name="Key">The key, as the file spells it.</param>
/// <param name="Property">The property.</param>
/// <param name="Within">The property of the section whose record has <paramref name="Property"/>, where the section holds the options of a layer of the library as its own keys; else null.</param>
internal sealed record Setting(string Key, PropertyInfo Property, PropertyInfo? Within)
{
    /// <summary>The settings of a section.</summary>
    public static IReadOnlyList<Setting> Of(Type section) =>
        [.. section.GetProperties().Where(p => p.CanWrite).SelectMany(p => p.GetCustomAttribute<HoldsKeysAttribute>() is { } holds
            ? Of(p.PropertyType).Where(s => !holds.Except.Contains(s.Property.Name)).Select(s => s with { Within = p })
            : [new Setting(JsonNamingPolicy.SnakeCaseLower.ConvertName(p.Name), p, null)])];

    /// <summary>The value in a section.</summary>
    public object? Get(object section) => Property.GetValue(Holder(section));

    /// <summary>Puts a value into a section.</summary>
    public void Put(object section, object? value) => Property.SetValue(Holder(section), value);

    private object Holder(object section) => Within is null ? section : Within.GetValue(section)!;
}
