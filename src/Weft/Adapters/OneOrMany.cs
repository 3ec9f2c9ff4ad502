using System.Collections;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weft.Adapters;

/// <summary>Reads a list that PEFT's files also write as one bare value, and writes that bare again.</summary>
internal sealed class OneOrMany<T> : JsonConverter<IReadOnlyList<T>?>
{
    public override IReadOnlyList<T>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var wanted = $"{WrongKind.Of(typeof(T))} or a list of such";
        return reader.TokenType == JsonTokenType.StartArray ? WrongKind.ReadOrRefuse<T[]>(ref reader, options, wanted) : new Bare(WrongKind.ReadOrRefuse<T>(ref reader, options, wanted));
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<T>? value, JsonSerializerOptions options)
    {
        if (value is Bare one) JsonSerializer.Serialize(writer, one[0], options);
        else JsonSerializer.Serialize(writer, value?.ToArray(), options);
    }

    private sealed class Bare(T value) : IReadOnlyList<T>
    {
        public int Count => 1;

        public T this[int index] => index == 0 ? value : throw new ArgumentOutOfRangeException(nameof(index));

        public IEnumerator<T> GetEnumerator()
        {
            yield return value;
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
