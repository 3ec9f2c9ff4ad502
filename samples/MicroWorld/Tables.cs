namespace MicroWorld;

/// <summary>Profiles of people and small tables, and questions that look something up in them.</summary>
public static class Tables
{
    private static readonly string[] bars = [" | ", " | ", ", ", "; "];
    private static readonly string[] facts = ["town", "age", "colour", "pet", "work"];
    private static readonly string[] pets = ["cat", "dog", "hen", "goat", "horse", "rabbit"];
    private static readonly string[] works = ["baker", "tailor", "farmer", "teacher", "miller", "painter"];

    /// <summary>Purchases as rows below their keys.</summary>
    public static string TableDocument(Dice dice)
    {
        var bar = dice.Pick(bars);
        var fields = dice.Some(Purchase.Fields, dice.Between(2, 4));
        var rows = Purchase.DrawDifferent(dice, fields.Count > 2 ? 2 : 3);
        var lines = new List<string> { "Table: " + string.Join(bar, fields) };
        lines.AddRange(rows.Select(r => string.Join(bar, fields.Select(f => r.Values[f]))));
        for (var left = dice.Between(1, 3); left > 0; left--) lines.Add(Lookup(dice, fields, rows));
        return string.Join('\n', lines);
    }

    /// <summary>What is known about a person, and questions.</summary>
    public static string ProfileDocument(Dice dice)
    {
        var name = Names.Full(dice, Part.Training);
        Dictionary<string, string> known = new()
        {
            ["name"] = name,
            ["town"] = Names.Town(dice, Part.Training),
            ["age"] = $"{dice.Between(10, 90)}",
            ["colour"] = dice.Pick(Words.Colours),
            ["pet"] = dice.Pick(pets),
            ["work"] = dice.Pick(works),
        };
        var told = dice.Some(facts, dice.Between(3, 5));
        var lines = new List<string> { dice.Chance(50) ? InWords(name, told, known) : RecordFormat.Draw(dice).Write([("name", name), .. told.Select(f => (f, known[f]))]) };
        for (var left = dice.Between(1, 3); left > 0; left--) lines.Add(AboutProfile(dice, told, known));
        return string.Join('\n', lines);
    }

    private static string Lookup(Dice dice, List<string> fields, List<Purchase> rows)
    {
        var at = dice.Below(rows.Count);
        var row = rows[at];
        var asked = dice.Pick(fields);
        var number = new[] { "first", "second", "third" }[at];
        var key = fields.Find(f => f is "name" or "item" or "price" or "date" && f != asked);
        if (key is null || dice.Chance(30)) return $"The {asked} in the {number} row: {row.Values[asked]}";
        return dice.Chance(40)
            ? $"Record: {RecordFormat.Draw(dice).Write(fields.Select(f => (f, row.Values[f])))}"
            : Questions.Asked(dice, $"Which {asked} goes with {row.Values[key]}?", row.Values[asked]);
    }

    private static string InWords(string name, List<string> told, Dictionary<string, string> known) =>
        Text.Filled(name + " " + string.Join(" and ", told.Select(f => f switch
        {
            "town" => "lives in {town}",
            "age" => "is {age} years old",
            "colour" => "likes {colour}",
            "pet" => "has a {pet}",
            _ => "is a {work}",
        })) + ".", known);

    private static string AboutProfile(Dice dice, List<string> told, Dictionary<string, string> known)
    {
        var fact = dice.Pick(told);
        var question = fact switch
        {
            "town" => "Where does {name} live?",
            "age" => "How old is {name}?",
            "colour" => "Which colour does {name} like?",
            "pet" => "Which pet does {name} have?",
            _ => "What is the work of {name}?",
        };
        return dice.Below(3) switch
        {
            0 => $"{fact}: {known[fact]}",
            1 => $"Record: {RecordFormat.Draw(dice).Write([("name", known["name"]), .. told.Select(f => (f, known[f]))])}",
            _ => Questions.Asked(dice, Text.Filled(question, known), known[fact]),
        };
    }
}
