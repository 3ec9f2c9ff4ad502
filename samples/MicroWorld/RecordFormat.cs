namespace MicroWorld;

/// <summary>A way of writing fields one after another: brackets, key, value and what stands between them.</summary>
/// <remarks>
/// The formats are many and drawn at random, so that a model learns to keep what is written apart from how. JSON objects are none of them:
/// quoted keys come neither with braces nor with a colon, and no brace stands before a quotation mark.
/// </remarks>
public sealed class RecordFormat
{
    private static readonly (string Open, string Close)[] brackets = [("", ""), ("", ""), ("(", ")"), ("[", "]"), ("{", "}"), ("<", ">")];
    private static readonly string[] separators = [", ", ", ", "; ", " | ", " / ", " and "];
    private static readonly string[] plainBetween = [": ", ": ", "=", " = ", " is ", " -> "];
    private static readonly string[] quotedBetween = ["=", " = ", " is ", " -> "];

    private readonly string open, close, keyQuote, between, valueQuote, separator;
    private readonly bool keys, tags;

    private RecordFormat(string open, string close, string keyQuote, string between, string valueQuote, string separator, bool keys, bool tags) =>
        (this.open, this.close, this.keyQuote, this.between, this.valueQuote, this.separator, this.keys, this.tags) =
            (open, close, keyQuote, between, valueQuote, separator, keys, tags);

    /// <summary>A random format.</summary>
    public static RecordFormat Draw(Dice dice) => dice.Pick<string>([(60, "pairs"), (15, "quoted keys"), (15, "values"), (10, "tags")]) switch
    {
        "pairs" => Pairs(dice),
        "quoted keys" => QuotedKeys(dice),
        "values" => Values(dice),
        _ => new("", "", "", "", "", dice.Pick(["", " "]), keys: true, tags: true),
    };

    /// <summary>Whether the keys are written too.</summary>
    public bool HasKeys => keys;

    /// <summary>The fields in this format. Numbers are written bare even where text stands in quotation marks.</summary>
    public string Write(IEnumerable<(string Key, string Value)> fields) =>
        open + string.Join(separator, fields.Select(f => Field(f.Key, f.Value))) + close;

    private static RecordFormat Pairs(Dice dice)
    {
        var (open, close) = dice.Pick(brackets);
        var separator = open.Length == 0 && dice.Chance(20) ? "\n" : dice.Pick(separators);
        return new(open, close, "", dice.Pick(plainBetween), dice.Chance(40) ? "\"" : "", separator, keys: true, tags: false);
    }

    private static RecordFormat QuotedKeys(Dice dice)
    {
        var (open, close) = dice.Pick(brackets);
        if (open == "{") (open, close) = ("[", "]");
        return new(open, close, "\"", dice.Pick(quotedBetween), dice.Chance(75) ? "\"" : "", dice.Pick(separators), keys: true, tags: false);
    }

    private static RecordFormat Values(Dice dice)
    {
        var (open, close) = dice.Pick(brackets);
        var quote = open != "{" && dice.Chance(40) ? "\"" : "";
        return new(open, close, "", "", quote, dice.Pick(separators), keys: false, tags: false);
    }

    private string Field(string key, string value)
    {
        if (tags) return $"<{key}>{value}</{key}>";
        var written = char.IsDigit(value[^1]) && !value.Contains(' ', StringComparison.Ordinal) ? value : valueQuote + value + valueQuote;
        return keys ? keyQuote + key + keyQuote + between + written : written;
    }
}
