using System.Text.Json;

namespace Weft.Adapters;

/// <summary>Says in plain words what kind of value an option of a config takes.</summary>
internal static class WrongKind
{
    /// <summary>The message of a value that could not be read, which JSON's reader states in names of types.</summary>
    /// <param name="problem">What the reader threw.</param>
    /// <param name="record">The config that was read.</param>
    public static string Said(JsonException problem, Type record)
    {
        var at = problem.Path is { Length: > 2 } path ? path[2..] : "";
        if (PeftConfig.Options(record).FirstOrDefault(o => o.Key == at.Split('.', '[')[0]).Property is not { } property) return problem.Message;
        return problem.Message.Contains(" Path: $", StringComparison.Ordinal) ? $"{at} is of the wrong kind: {Of(property.PropertyType)} is wanted." : $"{at}: {problem.Message}";
    }

    /// <summary>Reads a value, or refuses it in these words.</summary>
    /// <exception cref="JsonException">The value is of another kind.</exception>
    public static T ReadOrRefuse<T>(ref Utf8JsonReader reader, JsonSerializerOptions? options, string wanted)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(ref reader, options) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new JsonException($"{wanted} is wanted.");
        }
    }

    /// <summary>What a value of a type is called.</summary>
    public static string Of(Type type) =>
        Nullable.GetUnderlyingType(type) is { } inner ? Of(inner)
        : type == typeof(bool) ? "true or false"
        : type == typeof(int) ? "a whole number up to 2147483647"
        : type == typeof(double) ? "a number"
        : type == typeof(string) ? "a name"
        : type.GetGenericArguments() is { Length: 2 } ? $"an {Many(type)}" : $"a {Many(type)}";

    private static string Many(Type type) =>
        type == typeof(int) ? "whole numbers up to 2147483647"
        : type == typeof(double) ? "numbers"
        : type == typeof(string) ? "names"
        : type.GetGenericArguments() switch
        {
            [_, var value] => $"object of {Many(value)} by name",
            [var value] when value.IsGenericType => $"list of {Many(value).Replace("list of", "lists of", StringComparison.Ordinal)}",
            [var value] => $"list of {Many(value)}",
            _ => "value of another kind",
        };
}
