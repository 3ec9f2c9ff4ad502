using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weft.Adapters;

/// <summary>Writes a double as Python prints a float: 0.0, 0.05, 1e-05.</summary>
internal sealed class PythonFloat : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) => writer.WriteRawValue(Text(value));

    public static string Text(double value)
    {
        var magnitude = Math.Abs(value);
        if (magnitude is not 0 and (< 1e-4 or >= 1e16))
        {
            var parts = value.ToString("E16", CultureInfo.InvariantCulture).Split('E');
            var shortest = value.ToString("R", CultureInfo.InvariantCulture);
            var mantissa = shortest.Contains('E', StringComparison.Ordinal)
                ? shortest.Split('E')[0]
                : (value / Math.Pow(10, int.Parse(parts[1], CultureInfo.InvariantCulture))).ToString("R", CultureInfo.InvariantCulture);
            var exponent = int.Parse(parts[1], CultureInfo.InvariantCulture);
            return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
        }
        var text = value.ToString("R", CultureInfo.InvariantCulture);
        return text.Contains('.', StringComparison.Ordinal) ? text : text + ".0";
    }
}

/// <summary>Writes a double that is meant as a count without a fraction where it has none: 16, and 12.5.</summary>
internal sealed class WholeOrFloat : JsonConverter<double>
{
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options) =>
        writer.WriteRawValue(value == Math.Floor(value) && Math.Abs(value) < 1e15 ? ((long)value).ToString(CultureInfo.InvariantCulture) : PythonFloat.Text(value));
}
