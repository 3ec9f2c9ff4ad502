using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weft.Adapters;

/// <summary>Which modules a config names: a list of names and endings, one regular expression, or <c>all-linear</c>.</summary>
/// <remarks>Matches as Hugging Face PEFT does (tuners_utils.py, check_target_module_exists): an expression must match a whole path, a list entry a path or its end behind a dot.</remarks>
[JsonConverter(typeof(TargetsConverter))]
public sealed record Targets
{
    /// <summary>The word for every linear module but the output head.</summary>
    public const string AllLinear = "all-linear";

    private readonly ModuleExpression? expression;

    private Targets(IReadOnlyList<string> entries, bool isList)
    {
        (Entries, IsList) = (entries, isList);
        if (!isList && !IsAllLinear) expression = ModuleExpression.Whole(entries[0]);
    }

    /// <summary>A list of names and endings.</summary>
    public Targets(params IReadOnlyList<string> entries) : this(entries, isList: true)
    {
    }

    /// <summary>The entries as written; one, where it is an expression or <c>all-linear</c>.</summary>
    public IReadOnlyList<string> Entries { get; }

    /// <summary>Whether it is a list and not one string.</summary>
    public bool IsList { get; }

    /// <summary>Whether it means every linear module but the head.</summary>
    public bool IsAllLinear => !IsList && Entries[0].Equals(AllLinear, StringComparison.OrdinalIgnoreCase);

    /// <summary>A regular expression for whole paths, or <c>all-linear</c>.</summary>
    /// <exception cref="ArgumentException">Not a regular expression.</exception>
    public static Targets Matching(string expression) => new([expression], isList: false);

    /// <summary>The entries that match a site.</summary>
    public IEnumerable<string> EntriesFor(Site site)
    {
        if (IsAllLinear) return site.Host is ILinearMap && site.Role != SiteRole.Head ? Entries : [];
        if (!IsList) return site.Names.Any(expression!.IsMatch) ? Entries : [];
        return Entries.Where(e => site.Names.Any(n => NamesOrEnds(e, n)));
    }

    /// <summary>Whether any entry matches a site.</summary>
    public bool Match(Site site) => EntriesFor(site).Any();

    /// <inheritdoc/>
    public bool Equals(Targets? other) => other is not null && IsList == other.IsList && Entries.SequenceEqual(other.Entries);

    /// <inheritdoc/>
    public override int GetHashCode() => Entries.Aggregate(IsList ? 1 : 0, (h, e) => HashCode.Combine(h, e));

    /// <inheritdoc/>
    public override string ToString() => IsList ? $"[{string.Join(", ", Entries)}]" : Entries[0];

    internal static bool NamesOrEnds(string entry, string name) =>
        name == entry || (name.EndsWith(entry, StringComparison.Ordinal) && name.Length > entry.Length && name[^(entry.Length + 1)] == '.');

    private sealed class TargetsConverter : JsonConverter<Targets>
    {
        public override Targets Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType == JsonTokenType.String
            ? Matching(reader.GetString()!)
            : new Targets(WrongKind.ReadOrRefuse<string[]>(ref reader, options, "a list of module names, a regular expression or \"all-linear\""));

        public override void Write(Utf8JsonWriter writer, Targets value, JsonSerializerOptions options)
        {
            if (!value.IsList) writer.WriteStringValue(value.Entries[0]);
            else JsonSerializer.Serialize(writer, value.Entries, options);
        }
    }
}
