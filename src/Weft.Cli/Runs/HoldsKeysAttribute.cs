namespace Weft.Cli.Runs;

/// <summary>The options that this property holds are keys of the section itself.</summary>
/// <param name="except">Names of those that are not, because the section says them in its own way.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class HoldsKeysAttribute(params string[] except) : Attribute
{
    /// <summary>Names of properties that are no keys.</summary>
    public IReadOnlyList<string> Except { get; } = except;
}
