using System.Globalization;

namespace MicroWorld;

/// <summary>A day of the years 2020 to 2039.</summary>
public sealed record Day(DateOnly Date)
{
    private static readonly DateOnly first = new(2020, 1, 1);
    private static readonly int days = new DateOnly(2039, 12, 31).DayNumber - first.DayNumber + 1;

    /// <summary>A day of the part. It is reserved as a day, so in both ways of writing it.</summary>
    public static Day Draw(Dice dice, Part part)
    {
        while (true)
        {
            var day = new Day(first.AddDays(dice.Below(days)));
            if (HeldOut.Belongs(day.Iso, part)) return day;
        }
    }

    /// <summary>The day as 2031-03-12.</summary>
    public string Iso => Date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>The day as 12 March 2031.</summary>
    public override string ToString() => Date.ToString("d MMMM yyyy", CultureInfo.InvariantCulture);
}
