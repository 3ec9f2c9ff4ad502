using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weft.Adapters;

/// <summary>Reads a list that PEFT's files also write as one bare value.</summary>
internal sealed class OneOrMany<T> : JsonConverter<IReadOnlyList<T>?>
{
    public override IReadOnlyList<T>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType == JsonTokenType.StartArray
        ? JsonSerializer.Deserialize<T[]>(ref reader, options)
        : [JsonSerializer.Deserialize<T>(ref reader, options)!];

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<T>? value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, value?.ToArray(), options);
}
