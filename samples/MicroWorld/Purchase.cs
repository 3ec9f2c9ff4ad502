namespace MicroWorld;

/// <summary>The scene that most texts are about: somebody buys a thing.</summary>
public sealed record Purchase(string Name, string Item, string Colour, string Price, Day Date)
{
    /// <summary>The five fields in their usual order.</summary>
    public static IReadOnlyList<string> Fields { get; } = ["name", "item", "colour", "price", "date"];

    private static readonly string[] sentences =
    [
        "{name} bought a {colour} {item} for {price} coins on {date}.",
        "On {date}, {name} paid {price} coins for a {colour} {item}.",
        "The {colour} {item} cost {price} coins when {name} bought it on {date}.",
        "For {price} coins, {name} got a {colour} {item} on {date}.",
        "On {date} a {colour} {item} was sold to {name} for {price} coins.",
        "{name} chose a {item} in {colour} on {date} and paid {price} coins.",
        "A {colour} {item} went to {name} on {date} for {price} coins.",
        "{name} needed a {item}. On {date} a {colour} one cost {price} coins.",
        "It was {date} when {name} took the {colour} {item} for {price} coins.",
        "The shop sold a {item} to {name}: {colour}, {price} coins, {date}.",
        "For a {item} in {colour}, {name} gave {price} coins on {date}.",
        "On {date}, for {price} coins, {name} bought the {colour} {item}.",
    ];

    /// <summary>A random purchase; its name, price and date are of the part.</summary>
    public static Purchase Draw(Dice dice, Part part) =>
        new(Names.Full(dice, part), dice.Pick(Words.Items), dice.Pick(Words.Colours), Prices.Draw(dice, part), Day.Draw(dice, part));

    /// <summary>Purchases that differ in name, thing, price and date, so that each of these tells which one is meant.</summary>
    public static List<Purchase> DrawDifferent(Dice dice, int count)
    {
        var all = new List<Purchase>(count);
        while (all.Count < count)
        {
            var next = Draw(dice, Part.Training);
            if (!all.Exists(p => p.Name == next.Name || p.Item == next.Item || p.Price == next.Price || p.Date == next.Date)) all.Add(next);
        }
        return all;
    }

    /// <summary>The values by field, as they stand in the sentence.</summary>
    public IReadOnlyDictionary<string, string> Values => new Dictionary<string, string>
    {
        ["name"] = Name,
        ["item"] = Item,
        ["colour"] = Colour,
        ["price"] = Price,
        ["date"] = Date.ToString(),
    };

    /// <summary>How many ways there are to tell it.</summary>
    public static int Tellings => sentences.Length;

    /// <summary>The purchase told in one of the ways.</summary>
    public string Told(int telling) => Text.Filled(sentences[telling], Values);

    /// <summary>The purchase told in a random way.</summary>
    public string Told(Dice dice) => Told(dice.Below(Tellings));
}
