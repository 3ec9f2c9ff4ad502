using System.Reflection;

namespace Weft.Adapters;

/// <summary>Every method this process knows, found by <see cref="PeftMethodAttribute"/>.</summary>
public static class PeftMethods
{
    private static readonly SortedDictionary<string, Type> types = new(StringComparer.OrdinalIgnoreCase);

    static PeftMethods() => AddFrom(typeof(PeftMethods).Assembly);

    /// <summary>peft_type → config record, in alphabetical order; looked up in any case.</summary>
    public static IReadOnlyDictionary<string, Type> All => types;

    /// <summary>Adds the methods of another assembly: how a method outside this library joins.</summary>
    /// <exception cref="InvalidOperationException">Two records claim one peft_type, or a record names none.</exception>
    public static void AddFrom(Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        foreach (var type in assembly.GetTypes().Where(t => !t.IsAbstract && t.IsSubclassOf(typeof(PeftConfig))))
        {
            var method = type.GetCustomAttribute<PeftMethodAttribute>()
                ?? throw new InvalidOperationException($"{type} is a PeftConfig without [PeftMethod(\"…\")].");
            if (types.TryGetValue(method.PeftType, out var other) && other != type)
                throw new InvalidOperationException($"{type} and {other} both claim peft_type \"{method.PeftType}\".");
            types[method.PeftType] = type;
        }
    }

    /// <summary>The record of a method.</summary>
    /// <exception cref="ArgumentException">No method has that name; the message lists those there are.</exception>
    public static Type Find(string peftType) => types.TryGetValue(peftType, out var type)
        ? type
        : throw new ArgumentException($"No method is called \"{peftType}\". There are: {string.Join(", ", types.Keys)}.");
}
