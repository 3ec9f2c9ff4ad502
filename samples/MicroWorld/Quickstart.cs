namespace MicroWorld;

/// <summary>The task the quickstart teaches: a sentence in, a JSON record of five fields out.</summary>
public static class Quickstart
{
    /// <summary>How many rows there are to learn from.</summary>
    public const int TrainingRows = 1800;

    /// <summary>How many rows there are to measure on.</summary>
    public const int HeldOutRows = 200;

    /// <summary>The seed of the rows in recipes/quickstart.</summary>
    public const ulong CommittedSeed = 1;

    /// <summary>The rows to learn from.</summary>
    public static IEnumerable<QuickstartRow> Train(ulong seed) => Rows(seed, Part.Training, TrainingRows);

    /// <summary>The rows to measure on: told in the same ways, with names, prices and dates that no text to learn from holds.</summary>
    public static IEnumerable<QuickstartRow> HeldOut(ulong seed) => Rows(seed, Part.HeldOut, HeldOutRows);

    // ways of telling take turns, so that every way is as frequent as any other
    private static IEnumerable<QuickstartRow> Rows(ulong seed, Part part, int count)
    {
        for (var i = 0; i < count; i++)
            yield return Row(Purchase.Draw(Dice.Of(seed, part == Part.Training ? i : -1 - i), part), i % Purchase.Tellings);
    }

    private static QuickstartRow Row(Purchase purchase, int telling)
    {
        var fields = Purchase.Fields.Select(f => $"\"{f}\": {(f == "price" ? purchase.Price : Text.Quoted(purchase.Values[f]))}");
        return new($"Sentence: {purchase.Told(telling)}\nRecord:", $" {{{string.Join(", ", fields)}}}");
    }
}
