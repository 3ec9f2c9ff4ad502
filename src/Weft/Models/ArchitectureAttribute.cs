namespace Weft.Models;

/// <summary>Names the <c>model_type</c> of config.json that a class builds.</summary>
/// <remarks>The class has <c>public static CausalModel Create(JsonObject config, Weights weights, string source)</c> and is found by this attribute; nothing lists it.</remarks>
/// <param name="modelType">The model_type.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class ArchitectureAttribute(string modelType) : Attribute
{
    /// <summary>The model_type.</summary>
    public string ModelType { get; } = modelType;

    /// <summary>What <c>general.architecture</c> of a GGUF file calls it, or null; the class then has <c>internal static Checkpoint FromGguf(Gguf file)</c>.</summary>
    public string? Gguf { get; init; }
}
