using System.Globalization;

namespace Weft.Native;

/// <summary>The processor cores that this process may use.</summary>
/// <param name="Logical">Hardware threads that the process may run on.</param>
/// <param name="Physical">Cores behind them: siblings that share one count once.</param>
/// <param name="Quota">Processors' worth of time that the control group grants, or null without a limit.</param>
public sealed record CpuCores(int Logical, int Physical, double? Quota)
{
    /// <summary>The threads that matrix products run best on: one for each core, no more than the quota pays for, at least one.</summary>
    public int Threads => Math.Max(1, Math.Min(Physical, (int)Math.Floor(Quota ?? Physical)));

    /// <summary>The cores of this process; elsewhere than on Linux, .NET's count of processors stands for both.</summary>
    public static CpuCores OfThisProcess() =>
        OperatingSystem.IsLinux() ? Read("/") : new CpuCores(Environment.ProcessorCount, Environment.ProcessorCount, null);

    /// <summary>The cores that the files of <c>/proc</c> and <c>/sys</c> below a root folder describe.</summary>
    internal static CpuCores Read(string root)
    {
        const string allowedLine = "Cpus_allowed_list:";
        var status = Path.Combine(root, "proc", "self", "status");
        var line = File.Exists(status) ? File.ReadLines(status).FirstOrDefault(l => l.StartsWith(allowedLine, StringComparison.Ordinal)) : null;
        var allowed = line is null ? [.. Enumerable.Range(0, Environment.ProcessorCount)] : ParseList(line[allowedLine.Length..]);
        // a core is known by its lowest hardware thread
        var cores = allowed.Select(cpu => ParseList(Siblings(root, cpu)) is [var first, ..] ? first : cpu).Distinct().Count();
        return new CpuCores(allowed.Count, cores, ControlGroup.CpuQuota(root));
    }

    /// <summary>The numbers of a list such as <c>0-3,8,10-11</c>, in order; none for a text that is no list.</summary>
    internal static List<int> ParseList(string text)
    {
        var numbers = new SortedSet<int>();
        foreach (var range in text.Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = range.Split('-');
            if (ends.Length > 2 || !TryParse(ends[0], out var from) || !TryParse(ends[^1], out var to) || to - from > 1 << 16) return [];
            for (var number = from; number <= to; number++) numbers.Add(number);
        }
        return [.. numbers];
    }

    private static bool TryParse(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static string Siblings(string root, int cpu)
    {
        var topology = Path.Combine(root, "sys", "devices", "system", "cpu", $"cpu{cpu}", "topology");
        var (file, older) = (Path.Combine(topology, "core_cpus_list"), Path.Combine(topology, "thread_siblings_list"));
        return File.Exists(file) ? File.ReadAllText(file) : File.Exists(older) ? File.ReadAllText(older) : "";
    }
}
