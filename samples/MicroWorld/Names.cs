namespace MicroWorld;

/// <summary>Names of people and towns, and made-up words, put together from syllables: too many to be learnt by heart, so they must be copied.</summary>
public static class Names
{
    // consonant, vowel, consonant, with many different ends: so that byte-pair merging finds the syllable before it crosses into the next
    private static readonly string[] heads =
    [
        "bar", "dor", "mer", "tal", "kel", "rol", "ben", "lan", "jun", "gas", "les", "vis", "kam", "tim", "rom", "hat", "pet", "lot",
        "mik", "rek", "zak", "ned", "vid", "jad", "rob", "sib", "lub", "meg", "dag", "hug", "kip", "nap", "sop", "raf", "kef", "lif",
    ];
    private static readonly string[] firstTails =
        ["bi", "da", "di", "do", "fa", "ga", "ka", "ki", "la", "le", "li", "lo", "ma", "mi", "mo", "na", "ni", "no", "ra", "ri", "ro", "sa", "so", "ta", "ti", "to", "va", "vi", "ya", "za"];
    private static readonly string[] lastTails =
        ["bel", "ber", "dan", "den", "dor", "fen", "gan", "ger", "kan", "kel", "lan", "len", "lor", "man", "mer", "mon", "nar", "nel", "nor", "pel", "ran", "rel", "ron", "sen", "sor", "tan", "tel", "ton", "van", "ver", "vin", "zen"];
    private static readonly string[] townTails = ["bury", "dale", "ford", "gate", "haven", "holm", "mouth", "port", "stead", "wick"];

    /// <summary>A first name, such as Talva or Benkira.</summary>
    public static string First(Dice dice, Part part) => Name(dice, part, firstTails, longer: 25);

    /// <summary>A family name, such as Dorven or Mikalan.</summary>
    public static string Last(Dice dice, Part part) => Name(dice, part, lastTails, longer: 25);

    /// <summary>A first and a family name.</summary>
    public static string Full(Dice dice, Part part) => $"{First(dice, part)} {Last(dice, part)}";

    /// <summary>A town, such as Romwick.</summary>
    public static string Town(Dice dice, Part part) => Name(dice, part, townTails, longer: 20);

    /// <summary>A word without meaning, in lower case.</summary>
    public static string Nonsense(Dice dice) =>
        HeldOut.Draw(Part.Training, () => Joined(dice, dice.Chance(50) ? firstTails : lastTails, longer: 25));

    private static string Name(Dice dice, Part part, string[] tails, int longer) =>
        HeldOut.Draw(part, () => Text.Capitalised(Joined(dice, tails, longer)));

    // a syllable that comes twice would make "what follows it" ambiguous; a doubled letter would be merged across two syllables
    private static string Joined(Dice dice, string[] tails, int longer)
    {
        while (true)
        {
            string[] syllables = dice.Chance(longer) ? [dice.Pick(heads), dice.Pick(firstTails), dice.Pick(tails)] : [dice.Pick(heads), dice.Pick(tails)];
            if (syllables.Zip(syllables.Skip(1)).All(pair => pair.First[^1] != pair.Second[0]) && syllables.Distinct().Count() == syllables.Length)
                return string.Concat(syllables);
        }
    }
}
