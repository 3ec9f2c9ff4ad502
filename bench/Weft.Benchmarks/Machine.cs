using System.Diagnostics;
using System.Globalization;

namespace Weft.Benchmarks;

/// <summary>What this machine does, measured in the same process as what is compared with it.</summary>
internal static class Machine
{
    /// <summary>Best rate of eight square products of 2048, in GFLOP/s.</summary>
    public static double GemmRate(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (a, b) = (randn(2048, 2048).to(type), randn(2048, 2048).to(type));
        var best = double.MaxValue;
        for (var i = 0; i < 8; i++)
        {
            var start = Stopwatch.GetTimestamp();
            using var c = a.mm(b);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        return 2 * Math.Pow(2048, 3) / best / 1e9;
    }

    /// <summary>Largest resident size of the process so far, in MB; not a number where the system does not say.</summary>
    public static double PeakMegabytes() => File.Exists("/proc/self/status")
        ? double.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM", StringComparison.Ordinal)).Split(':')[1].Trim().Split(' ')[0], CultureInfo.InvariantCulture) / 1024
        : double.NaN;

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
