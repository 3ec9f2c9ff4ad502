namespace MicroWorld;

/// <summary>Tasks about one purchase: answer, write the fields down in some format, put a value in quotation marks, tell it again.</summary>
public static class PurchaseTasks
{
    private static readonly (int Weight, Func<Dice, Purchase, string> Write)[] all =
    [
        (30, Questions.AboutField), (12, Questions.ByKey), (6, Questions.YesOrNo), (32, Record), (10, Listed), (9, Wrapped), (6, ToldAgain), (3, Repeated), (4, DateAsNumbers),
    ];

    private static readonly string[] recordLabels = ["Record:", "Record:", "Record:", "Form:", "Card:", "Note:", "Entry:"];
    private static readonly (string Name, string Open, string Close)[] wrappings =
        [("quotes", "\"", "\""), ("quotes", "\"", "\""), ("brackets", "[", "]"), ("round brackets", "(", ")"), ("stars", "*", "*"), ("dashes", "-", "-")];

    /// <summary>A sentence and some tasks about it.</summary>
    public static string Document(Dice dice)
    {
        var purchase = Purchase.Draw(dice, Part.Training);
        var lines = new List<string> { (dice.Chance(70) ? "Sentence: " : "") + purchase.Told(dice) };
        for (var left = dice.Pick<int>([(15, 1), (30, 2), (30, 3), (25, 4)]); left > 0; left--)
            lines.Add(dice.Pick<Func<Dice, Purchase, string>>(all)(dice, purchase));
        return string.Join('\n', lines);
    }

    /// <summary>Two or three sentences, each with its record in one and the same format.</summary>
    public static string SameFormatDocument(Dice dice)
    {
        var format = RecordFormat.Draw(dice);
        var fields = FieldChoice.Draw(dice, atLeast: 2);
        var names = FieldChoice.DrawNames(dice);
        var label = dice.Pick(recordLabels);
        return string.Join('\n', Purchase.DrawDifferent(dice, fields.Count > 3 ? 2 : 3).Select(
            p => $"Sentence: {p.Told(dice)}\n{label} {format.Write(FieldChoice.Of(p, fields, names))}"));
    }

    /// <summary>Two purchases and questions that need the right one, or both.</summary>
    public static string TwoPurchasesDocument(Dice dice)
    {
        var both = Purchase.DrawDifferent(dice, 2);
        var lines = new List<string> { both[0].Told(dice) + " " + both[1].Told(dice) };
        for (var left = dice.Between(2, 4); left > 0; left--)
            lines.Add(dice.Chance(60) ? Questions.AboutField(dice, dice.Pick(both)) : Questions.Comparing(dice, both[0], both[1]));
        return string.Join('\n', lines);
    }

    private static string Record(Dice dice, Purchase purchase)
    {
        var fields = FieldChoice.Draw(dice, atLeast: 2);
        var record = RecordFormat.Draw(dice).Write(FieldChoice.Of(purchase, fields, FieldChoice.DrawNames(dice)));
        var order = dice.Chance(35) ? $"Fields: {string.Join(", ", fields)}\n" : "";
        return $"{order}{dice.Pick(recordLabels)} {record}";
    }

    private static string Listed(Dice dice, Purchase purchase)
    {
        var fields = dice.Some(Purchase.Fields, dice.Between(2, 4));
        var quote = dice.Chance(30) ? "\"" : "";
        return $"List {string.Join(", ", fields)}: {string.Join(", ", fields.Select(f => quote + purchase.Values[f] + quote))}";
    }

    private static string Wrapped(Dice dice, Purchase purchase)
    {
        var (name, open, close) = dice.Pick(wrappings);
        var field = dice.Pick(Purchase.Fields);
        return $"Write the {field} in {name}: {open}{purchase.Values[field]}{close}";
    }

    private static string ToldAgain(Dice dice, Purchase purchase) => $"In other words: {purchase.Told(dice)}";

    private static string Repeated(Dice dice, Purchase purchase)
    {
        var sentence = purchase.Told(dice);
        return $"Say: {sentence}\nRepeat: {sentence}";
    }

    private static string DateAsNumbers(Dice dice, Purchase purchase) => dice.Below(3) switch
    {
        0 => $"Date as numbers: {purchase.Date.Iso}",
        1 => $"Year: {purchase.Date.Date.Year}",
        _ => $"Month: {purchase.Values["date"].Split(' ')[1]}",
    };
}
