namespace MicroWorld;

/// <summary>Which fields of a purchase a task asks for, in which order and under which names.</summary>
public static class FieldChoice
{
    private static readonly Dictionary<string, string[]> otherNames = new()
    {
        ["name"] = ["buyer", "who", "person"],
        ["item"] = ["thing", "what", "goods"],
        ["colour"] = ["shade", "paint", "look"],
        ["price"] = ["cost", "coins", "paid"],
        ["date"] = ["day", "when", "time"],
    };

    /// <summary>All five in their usual order, or some of them in any order.</summary>
    public static List<string> Draw(Dice dice, int atLeast) => dice.Chance(40) ? [.. Purchase.Fields] : dice.Some(Purchase.Fields, dice.Between(atLeast, 5));

    /// <summary>A name for each field: mostly its own.</summary>
    public static Dictionary<string, string> DrawNames(Dice dice)
    {
        var own = dice.Chance(70);
        return Purchase.Fields.ToDictionary(f => f, f => own || dice.Chance(50) ? f : dice.Pick(otherNames[f]));
    }

    /// <summary>The chosen fields of a purchase as keys and values.</summary>
    public static IEnumerable<(string Key, string Value)> Of(Purchase purchase, IEnumerable<string> fields, IReadOnlyDictionary<string, string> names) =>
        fields.Select(f => (names[f], purchase.Values[f]));
}
