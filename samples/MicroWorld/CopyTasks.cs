namespace MicroWorld;

/// <summary>Tasks without meaning: repeat, pick, join and rewrite random values, so that nothing but copying helps.</summary>
public static class CopyTasks
{
    private static readonly (int Weight, Func<Dice, string> Draw)[] values =
    [
        (25, Names.Nonsense), (15, d => Names.Full(d, Part.Training)), (8, d => Names.First(d, Part.Training)), (6, d => Names.Last(d, Part.Training)),
        (16, d => Prices.Whole(d, 5)), (14, d => Prices.Draw(d, Part.Training)), (8, d => Day.Draw(d, Part.Training).ToString()), (4, d => Day.Draw(d, Part.Training).Iso),
        (8, d => d.Pick(Words.Items)), (8, d => d.Pick(Words.Colours)),
    ];

    /// <summary>A list of values and what to do with it.</summary>
    public static string ListDocument(Dice dice)
    {
        var draw = dice.Chance(50) ? dice.Pick(values) : Value;
        var list = Different(dice, draw, dice.Between(3, 5));
        var lines = new List<string> { $"List: {string.Join(", ", list)}" };
        for (var left = dice.Between(1, 3); left > 0; left--) lines.Add(AboutList(dice, list));
        return string.Join('\n', lines);
    }

    /// <summary>Made-up keys with values, asked for, and written again in another format.</summary>
    public static string KeysDocument(Dice dice)
    {
        var keys = Different(dice, Names.Nonsense, dice.Between(3, 5));
        var held = Different(dice, Value, keys.Count);
        var pairs = keys.Zip(held).ToList();
        var lines = new List<string> { WithKeys(dice).Write(pairs) };
        for (var left = dice.Between(1, 3); left > 0; left--)
        {
            var (key, value) = dice.Pick(pairs);
            lines.Add(dice.Below(4) switch
            {
                0 => $"{key}? {value}",
                1 => Questions.Asked(dice, $"What is {key}?", value),
                2 => $"Keys: {string.Join(", ", keys)}",
                _ => $"Record: {RecordFormat.Draw(dice).Write(dice.Chance(50) ? pairs : dice.Some(pairs, dice.Between(2, pairs.Count)))}",
            });
        }
        return string.Join('\n', lines);
    }

    /// <summary>Lines given and given back.</summary>
    public static string RepeatDocument(Dice dice)
    {
        var (gives, takes) = dice.Pick<(string, string)>([("Say:", "Repeat:"), ("Copy:", "Copy:"), ("In:", "Out:")]);
        var lines = new List<string>();
        for (var left = dice.Between(1, 3); left > 0; left--)
        {
            var text = string.Join(' ', Enumerable.Range(0, dice.Between(2, 6)).Select(_ => Value(dice)));
            lines.Add($"{gives} {text}\n{takes} {text}");
        }
        return string.Join('\n', lines);
    }

    // a format in which the keys can be read
    private static RecordFormat WithKeys(Dice dice)
    {
        while (true)
        {
            var format = RecordFormat.Draw(dice);
            if (format.HasKeys) return format;
        }
    }

    private static string Value(Dice dice) => dice.Pick<Func<Dice, string>>(values)(dice);

    private static List<string> Different(Dice dice, Func<Dice, string> draw, int count)
    {
        var all = new List<string>(count);
        while (all.Count < count)
        {
            var next = draw(dice);
            if (!all.Contains(next)) all.Add(next);
        }
        return all;
    }

    private static string AboutList(Dice dice, List<string> list)
    {
        var at = dice.Below(list.Count - 1);
        return dice.Below(9) switch
        {
            0 => $"Copy: {string.Join(", ", list)}",
            1 => $"First: {list[0]}",
            2 => $"Last: {list[^1]}",
            3 => $"After {list[at]}: {list[at + 1]}",
            4 => $"Before {list[at + 1]}: {list[at]}",
            5 => $"Backwards: {string.Join(", ", Enumerable.Reverse(list))}",
            6 => $"In quotes: {string.Join(", ", list.Select(v => $"\"{v}\""))}",
            7 => $"In brackets: {string.Join(" ", list.Select(v => $"[{v}]"))}",
            _ => $"Without the first: {string.Join(", ", list.Skip(1))}",
        };
    }
}
