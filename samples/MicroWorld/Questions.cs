namespace MicroWorld;

/// <summary>Questions about purchases, answered by words of the sentence, by yes or no, or by comparing.</summary>
public static class Questions
{
    // each names something that tells which purchase is meant
    private static readonly (string Field, string Question)[] pointed =
    [
        ("name", "Who bought the {item}?"), ("name", "Who paid {price} coins?"), ("name", "Who bought something on {date}?"), ("name", "Whose is the {item}?"),
        ("item", "What did {name} buy?"), ("item", "What cost {price} coins?"), ("item", "Which thing was bought on {date}?"),
        ("colour", "What colour is the {item}?"), ("colour", "Which colour did {name} choose?"), ("colour", "Which colour is the thing for {price} coins?"),
        ("price", "How much was the {item}?"), ("price", "How many coins did {name} pay?"), ("price", "What was paid on {date}?"),
        ("date", "When was the {item} bought?"), ("date", "When did {name} pay?"), ("date", "On which day was {price} paid?"),
    ];

    private static readonly (string Asks, string Answers)[] labels = [("Question:", "Answer:"), ("Question:", "Answer:"), ("Q:", "A:"), ("Ask:", "Say:")];

    /// <summary>A question and its answer, on two lines.</summary>
    public static string Asked(Dice dice, string question, string answer)
    {
        var (asks, answers) = dice.Pick(labels);
        return $"{asks} {question}\n{answers} {answer}";
    }

    /// <summary>A question answered by one field.</summary>
    public static string AboutField(Dice dice, Purchase purchase)
    {
        var (field, question) = dice.Pick(pointed);
        return Asked(dice, Text.Filled(question, purchase.Values), purchase.Values[field]);
    }

    /// <summary>A field asked for by its name alone.</summary>
    public static string ByKey(Dice dice, Purchase purchase)
    {
        var field = dice.Pick(Purchase.Fields);
        return dice.Below(3) switch
        {
            0 => $"{field}: {purchase.Values[field]}",
            1 => $"{Text.Capitalised(field)}? {purchase.Values[field]}",
            _ => Asked(dice, $"What is the {field}?", purchase.Values[field]),
        };
    }

    /// <summary>A question answered by yes or no.</summary>
    public static string YesOrNo(Dice dice, Purchase purchase)
    {
        var field = dice.Pick(Purchase.Fields);
        var value = (dice.Chance(50) ? purchase : Purchase.Draw(dice, Part.Training)).Values[field];
        var question = field switch
        {
            "name" => $"Did {value} buy it?",
            "item" => $"Was it a {value}?",
            "colour" => $"Was the {purchase.Item} {value}?",
            "price" => $"Did it cost {value} coins?",
            _ => $"Was it on {value}?",
        };
        return Asked(dice, question, value == purchase.Values[field] ? "yes" : "no");
    }

    /// <summary>A question that compares two purchases.</summary>
    public static string Comparing(Dice dice, Purchase a, Purchase b)
    {
        if (dice.Chance(50)) (a, b) = (b, a);
        var dearer = Prices.Cents(a.Price) > Prices.Cents(b.Price);
        var (more, less) = dearer ? (a, b) : (b, a);
        var (earlier, later) = a.Date.Date < b.Date.Date ? (a, b) : (b, a);
        var (question, answer) = dice.Below(7) switch
        {
            0 => ($"Who paid more, {a.Name} or {b.Name}?", more.Name),
            1 => ($"Who paid less, {a.Name} or {b.Name}?", less.Name),
            2 => ($"Which cost more, the {a.Item} or the {b.Item}?", "the " + more.Item),
            3 => ($"Did the {a.Item} cost more than the {b.Item}?", dearer ? "yes" : "no"),
            4 => ($"Which was bought first, the {a.Item} or the {b.Item}?", "the " + earlier.Item),
            5 => ("What was the higher price?", more.Price),
            _ => ($"Who bought later, {a.Name} or {b.Name}?", later.Name),
        };
        return Asked(dice, question, answer);
    }
}
