namespace MicroWorld;

/// <summary>The text from which the base model learns.</summary>
public static class Corpus
{
    private static readonly (int Weight, Func<Dice, string> Write)[] kinds =
    [
        (42, PurchaseTasks.Document),
        (14, PurchaseTasks.SameFormatDocument),
        (8, PurchaseTasks.TwoPurchasesDocument),
        (6, Tables.TableDocument),
        (5, Tables.ProfileDocument),
        (8, CopyTasks.KeysDocument),
        (6, CopyTasks.ListDocument),
        (4, CopyTasks.RepeatDocument),
        (5, Stories.StoryDocument),
        (2, Stories.CountingDocument),
    ];

    /// <summary>The documents of a seed. The first n are the same however many are taken.</summary>
    public static IEnumerable<string> Documents(ulong seed)
    {
        for (var i = 0; ; i++)
        {
            var dice = Dice.Of(seed, i);
            yield return dice.Pick<Func<Dice, string>>(kinds)(dice);
        }
    }
}
