namespace Weft.Adapters;

/// <summary>Names the method a config record describes, so that files, command line, tests and pages find it.</summary>
/// <param name="peftType">The <c>peft_type</c> of its adapter_config.json; read in any case, written so.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class PeftMethodAttribute(string peftType) : Attribute
{
    /// <summary>The <c>peft_type</c> of its adapter_config.json.</summary>
    public string PeftType { get; } = peftType;

    /// <summary>Where the method is published.</summary>
    public required string Paper { get; init; }
}
