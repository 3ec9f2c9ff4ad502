namespace Weft.Tests;

/// <summary>How close numbers must be to those of a reference.</summary>
internal static class Closeness
{
    /// <summary>Largest difference, relative to the largest absolute value of the expected tensor.</summary>
    public static double Relative(Tensor actual, Tensor expected, double floor = 0)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        var (a, e) = (actual.detach().to(float64), expected.detach().to(float64));
        var largest = Math.Max(e.abs().max().item<double>(), floor);
        var difference = (a - e).abs().max().item<double>();
        return largest == 0 ? difference : difference / largest;
    }

    /// <summary>Fails above a relative difference; not-a-number fails too.</summary>
    public static void Check(string name, Tensor actual, Tensor expected, double tolerance, double floor = 0)
    {
        var difference = Relative(actual, expected, floor);
        Assert.True(difference <= tolerance, $"{name}: differs by {difference:e2} of its largest value, more than {tolerance:e2}");
    }
}
