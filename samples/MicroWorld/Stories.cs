using System.Globalization;

namespace MicroWorld;

/// <summary>Micro-stories of a few sentences with questions about them, and counting.</summary>
public static class Stories
{
    private static readonly (string Told, (string Question, string Answer)[] Questions)[] plots =
    [
        ("One {weather} day {a} lost a {colour} {item} near the {place}. {b} found it and gave it back. {a} was {feeling}.",
            [("Who lost the {item}?", "{a}"), ("Who found it?", "{b}"), ("Where was it lost?", "near the {place}"), ("How was {a}?", "{feeling}"), ("What colour was it?", "{colour}")]),
        ("{a} lives in {town} and has a {colour} {item}. {b} came from {other} to see it. They were both {feeling}.",
            [("Where does {a} live?", "{town}"), ("Where did {b} come from?", "{other}"), ("What does {a} have?", "a {colour} {item}"), ("Who came from {other}?", "{b}")]),
        ("{a} wanted to go from {town} to {other}. It was {weather}, so {b} came along with a {item}. At the {place} they were {feeling}.",
            [("Where did {a} want to go?", "{other}"), ("Who came along?", "{b}"), ("What was the weather?", "{weather}"), ("What did {b} bring?", "a {item}")]),
        ("In {town} there is a {place}. {a} works there and made a {colour} {item} for {b}. It took {days} days.",
            [("Who made the {item}?", "{a}"), ("For whom?", "{b}"), ("How many days did it take?", "{days}"), ("In which town is the {place}?", "{town}")]),
        ("{a} gave {b} a {colour} {item}. {b} put it on the shelf in {town}. \"It is {colour},\" said {b}, \"and I am {feeling}.\"",
            [("Who gave the {item}?", "{a}"), ("Where is it now?", "in {town}"), ("What did {b} say?", "\"It is {colour}, and I am {feeling}.\""), ("Who got it?", "{b}")]),
    ];

    /// <summary>A story and questions.</summary>
    public static string StoryDocument(Dice dice)
    {
        var (told, questions) = dice.Pick(plots);
        var values = new Dictionary<string, string>
        {
            ["a"] = Person(dice),
            ["b"] = Person(dice),
            ["town"] = Names.Town(dice, Part.Training),
            ["other"] = Names.Town(dice, Part.Training),
            ["item"] = dice.Pick(Words.Items),
            ["colour"] = dice.Pick(Words.Colours),
            ["place"] = dice.Pick(Words.Places),
            ["feeling"] = dice.Pick(Words.Feelings),
            ["weather"] = dice.Pick(Words.Weather),
            ["days"] = dice.Between(2, 30).ToString(CultureInfo.InvariantCulture),
        };
        var lines = new List<string> { Text.Filled(told, values) };
        foreach (var (question, answer) in dice.Some(questions, dice.Between(1, 3)))
            lines.Add(Questions.Asked(dice, Text.Filled(question, values), Text.Filled(answer, values)));
        return string.Join('\n', lines);
    }

    /// <summary>Things or words to count.</summary>
    public static string CountingDocument(Dice dice)
    {
        if (dice.Chance(50))
        {
            var colours = dice.Some(Words.Colours, 2);
            var row = Enumerable.Range(0, dice.Between(3, 7)).Select(_ => dice.Pick(colours)).ToList();
            var counted = dice.Pick(row);
            return $"Row: {string.Join(' ', row)}\n{Questions.Asked(dice, $"How many are {counted}?", $"{row.Count(c => c == counted)}")}";
        }
        var (name, other) = (Names.Full(dice, Part.Training), Names.Full(dice, Part.Training));
        var item = dice.Pick(Words.Items) + "s";
        var (few, many) = (dice.Between(2, 9), dice.Between(2, 9));
        var lines = new List<string> { $"{name} has {few} {item} and {other} has {many} {item}." };
        lines.Add(Questions.Asked(dice, $"How many {item} has {name}?", $"{few}"));
        if (dice.Chance(50)) lines.Add(Questions.Asked(dice, $"How many {item} is that?", $"{few + many}"));
        return string.Join('\n', lines);
    }

    private static string Person(Dice dice) => dice.Chance(50) ? Names.First(dice, Part.Training) : Names.Full(dice, Part.Training);
}
