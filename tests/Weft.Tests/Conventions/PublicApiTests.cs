using System.Reflection;
using Weft.Adapters;

namespace Weft.Tests.Conventions;

/// <summary>The public API of the library, line by line in PublicApi.txt, so that a change of it is seen in review. Methods and models are left out: they are found by name.</summary>
public sealed class PublicApiTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
    private static readonly string file = Path.Combine(SourceTree.Root, "tests/Weft.Tests/Conventions/PublicApi.txt");

    [Fact]
    public void The_public_API_is_the_approved_one()
    {
        var now = Lines().ToList();
        if (Environment.GetEnvironmentVariable("WEFT_APPROVE") == "1") File.WriteAllText(file, string.Join('\n', now) + "\n");
        var approved = File.Exists(file) ? File.ReadAllLines(file) : [];
        var differences = approved.Except(now).Select(l => $"- {l}").Concat(now.Except(approved).Select(l => $"+ {l}")).ToList();
        Assert.True(differences.Count == 0,
            $"The public API changed:\n{string.Join('\n', differences)}\nWhere that is meant, run this test with WEFT_APPROVE=1 and commit PublicApi.txt.");
    }

    private static IEnumerable<string> Lines() =>
        from type in typeof(BaseModel).Assembly.GetExportedTypes()
        where type.Namespace is not ("Weft.Methods" or "Weft.Models")
        orderby type.FullName
        from line in Members(type).Order(StringComparer.Ordinal).Prepend(Kind(type))
        select line;

    private static string Kind(Type type)
    {
        var kind = type.IsEnum ? "enum" : type.IsInterface ? "interface" : type.IsValueType ? "struct" : type.IsAbstract && type.IsSealed ? "static class" : type.IsAbstract ? "abstract class" : type.IsSealed ? "sealed class" : "class";
        return $"{type.FullName}: {kind}{(type.BaseType is { } b && b != typeof(object) && b != typeof(ValueType) && b != typeof(Enum) ? $", {Name(b)}" : "")}";
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum) return Enum.GetNames(type).Select(n => $"  {type.Name}.{n}");
        var constructors = type.GetConstructors(Declared).Where(Seen).Select(c => $"  new {type.Name}({Parameters(c)})");
        var methods = type.GetMethods(Declared).Where(m => Seen(m) && !m.IsSpecialName && !m.Name.Contains('<') && !IsOfRecord(m))
            .Select(m => $"  {Access(m)}{type.Name}.{m.Name}({Parameters(m)}): {Name(m.ReturnType)}");
        var properties = type.GetProperties(Declared).Where(p => p.GetMethod is { } g && Seen(g) && p.Name != "EqualityContract")
            .Select(p => $"  {Access(p.GetMethod!)}{type.Name}.{p.Name}: {Name(p.PropertyType)} {{ get;{(p.SetMethod is { } s && Seen(s) ? " set;" : "")} }}");
        var fields = type.GetFields(Declared).Where(f => f.IsPublic).Select(f => $"  {type.Name}.{f.Name}: {Name(f.FieldType)}");
        return [.. constructors, .. methods, .. properties, .. fields];
    }

    private static bool Seen(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static string Access(MethodBase method) => $"{(method.IsPublic ? "" : "protected ")}{(method.IsStatic ? "static " : method.IsAbstract ? "abstract " : method.IsVirtual && !method.IsFinal ? "virtual " : "")}";

    // What the compiler writes for a record says nothing beyond its properties.
    private static bool IsOfRecord(MethodInfo method) => method.Name is "PrintMembers" or "Equals" or "GetHashCode" or "ToString" or "Deconstruct" or "<Clone>$";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(p => $"{Name(p.ParameterType)} {p.Name}{(p.HasDefaultValue ? " = …" : "")}"));

    private static string Name(Type type) =>
        type.IsGenericType ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : type.IsArray ? $"{Name(type.GetElementType()!)}[]" : type.Name;
}
