using System.Globalization;

namespace MicroWorld;

/// <summary>Prices in coins with two decimals, and plain whole numbers.</summary>
public static class Prices
{
    /// <summary>A price from 1.00 to 999.99, such as 48.50.</summary>
    public static string Draw(Dice dice, Part part) => HeldOut.Draw(part, () =>
    {
        var whole = dice.Pick<int>([(25, 1), (50, 2), (25, 3)]) switch
        {
            1 => dice.Between(1, 9),
            2 => dice.Between(10, 99),
            _ => dice.Between(100, 999),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{whole}.{dice.Below(100):00}");
    });

    /// <summary>A price as a number of hundredths, to compare.</summary>
    public static int Cents(string price) => int.Parse(price.Replace(".", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);

    /// <summary>A whole number of one to <paramref name="digits"/> digits, each length equally likely.</summary>
    public static string Whole(Dice dice, int digits)
    {
        var text = dice.Between(1, 9).ToString(CultureInfo.InvariantCulture);
        for (var more = dice.Below(digits); more > 0; more--) text += dice.Below(10).ToString(CultureInfo.InvariantCulture);
        return text;
    }
}
