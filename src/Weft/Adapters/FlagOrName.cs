using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weft.Adapters;

/// <summary>Reads an option that PEFT's files state as true, false or a name; held as text.</summary>
internal sealed class FlagOrName : JsonConverter<string>
{
    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.String => reader.GetString()!,
        _ => throw new JsonException("true, false or a name is wanted."),
    };

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options)
    {
        if (value is "true" or "false") writer.WriteBooleanValue(value == "true");
        else writer.WriteStringValue(value);
    }
}

/// <summary>Numbers by pattern, whole ones written without a fraction.</summary>
internal sealed class NumbersByPattern : JsonConverter<IReadOnlyDictionary<string, double>>
{
    public override IReadOnlyDictionary<string, double>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        WrongKind.ReadOrRefuse<Dictionary<string, double>>(ref reader, null, WrongKind.Of(typeToConvert));

    public override void Write(Utf8JsonWriter writer, IReadOnlyDictionary<string, double> value, JsonSerializerOptions options)
    {
        var number = new WholeOrFloat();
        writer.WriteStartObject();
        foreach (var (key, n) in value)
        {
            writer.WritePropertyName(key);
            number.Write(writer, n, options);
        }
        writer.WriteEndObject();
    }
}
