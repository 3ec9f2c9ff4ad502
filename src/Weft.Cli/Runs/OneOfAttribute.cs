namespace Weft.Cli.Runs;

/// <summary>A setting that is written in one of several kinds; the first that fits is taken.</summary>
/// <param name="types">The kinds.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class OneOfAttribute(params Type[] types) : Attribute
{
    /// <summary>The kinds.</summary>
    public IReadOnlyList<Type> Types { get; } = types;
}
