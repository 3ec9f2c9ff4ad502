using System.Globalization;
using Weft.Checkpoints;

namespace Weft.Models;

/// <summary>Reads values of a GGUF file's metadata and collects what is missing or of the wrong kind.</summary>
internal sealed class GgufMetadata(IReadOnlyDictionary<string, object> values, Problems problems)
{
    private readonly HashSet<string> refused = new(StringComparer.Ordinal);

    /// <summary>Whether the key is there.</summary>
    public bool States(string key) => values.ContainsKey(key);

    /// <summary>A whole number from 1 to 2³¹ − 1, or a list that says it of every layer; what it is otherwise only where the key is absent.</summary>
    public long Count(string key, long? otherwise = null)
    {
        if (!States(key) && otherwise is { } known) return known;
        var value = values.GetValueOrDefault(key);
        if (value is Array { Length: > 0 } layers && layers.Cast<object>().Distinct().Count() == 1) value = layers.GetValue(0);
        if (Whole(value) is > 0 and <= int.MaxValue and var count) return count;
        Refuse(key, value is Array ? "one count above 0 for all layers" : "a count above 0");
        return 1;
    }

    /// <summary>A finite number above 0; what it is otherwise only where the key is absent.</summary>
    public double Positive(string key, double? otherwise = null)
    {
        if (!States(key) && otherwise is { } known) return known;
        if (Number(key) is { } number and > 0) return number;
        Refuse(key, "a number above 0");
        return 1;
    }

    /// <summary>The value as a number; null where it is none or not finite.</summary>
    public double? Number(string key) => values.GetValueOrDefault(key) switch
    {
        double number when double.IsFinite(number) => number,
        ulong whole => whole,
        long whole => whole,
        _ => null,
    };

    /// <summary>A word; what it is otherwise only where the key is absent.</summary>
    public string Word(string key, string otherwise)
    {
        if (!States(key)) return otherwise;
        if (values[key] is string word) return word;
        Refuse(key, "a word");
        return otherwise;
    }

    /// <summary>The id of a token; null where there is none, which some files say by −1.</summary>
    public long? Token(string key)
    {
        if (!States(key) || Whole(values[key]) is -1 or uint.MaxValue) return null;
        if (Whole(values[key]) is >= 0 and var id) return id;
        Refuse(key, "the id of a token");
        return null;
    }

    /// <summary>Notes, once, that a value is missing or is not what was wanted.</summary>
    public void Refuse(string key, string wanted)
    {
        if (refused.Add(key)) problems.Add(States(key) ? $"metadata {key}: {Text(values[key])} for {wanted}" : $"metadata {key}: missing");
    }

    private static long? Whole(object? value) => value switch
    {
        ulong whole and <= long.MaxValue => (long)whole,
        long whole => whole,
        _ => null,
    };

    private static string Text(object value) => value switch
    {
        string text => $"\"{text}\"",
        Array list => $"[{string.Join(", ", list.Cast<object>().Take(8).Select(Text))}{(list.Length > 8 ? ", …" : "")}]",
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
