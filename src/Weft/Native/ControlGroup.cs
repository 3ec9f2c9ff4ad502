using System.Globalization;

namespace Weft.Native;

/// <summary>The share of the machine that Linux grants this process: control groups of version 1 or 2, read below a root folder.</summary>
internal static class ControlGroup
{
    /// <summary>Processors' worth of time per second of the tightest group, or null without a limit.</summary>
    public static double? CpuQuota(string root = "/")
    {
        double? tightest = null;
        foreach (var folder in Folders(root, "cpu"))
        {
            var quota = ParseCpuMax(Read(folder, "cpu.max")) ?? ParseQuota(Read(folder, "cpu.cfs_quota_us"), Read(folder, "cpu.cfs_period_us"));
            if (quota < (tightest ?? double.MaxValue)) tightest = quota;
        }
        return tightest;
    }

    /// <summary>Bytes of memory of the tightest group, or null without a limit.</summary>
    public static long? MemoryLimit(string root = "/")
    {
        long? tightest = null;
        foreach (var folder in Folders(root, "memory"))
        {
            var text = Read(folder, "memory.max") ?? Read(folder, "memory.limit_in_bytes");
            // version 1 says "no limit" by a number near the largest
            if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && bytes < 1L << 60 && bytes < (tightest ?? long.MaxValue))
                tightest = bytes;
        }
        return tightest;
    }

    /// <summary>Version 2's <c>cpu.max</c>: microseconds per period and the period, or <c>max</c> for no limit.</summary>
    public static double? ParseCpuMax(string? text) => text?.Split(' ') is [var quota, var period] ? ParseQuota(quota, period) : null;

    /// <summary>A quota over its period; null without one (version 1 writes -1).</summary>
    public static double? ParseQuota(string? quota, string? period) =>
        long.TryParse(quota, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var q) && q > 0
        && long.TryParse(period, NumberStyles.None, CultureInfo.InvariantCulture, out var p) && p > 0 ? (double)q / p : null;

    /// <summary>The path of the group that a line of <c>/proc/self/cgroup</c> gives for a controller, or null: <c>0::/path</c> or <c>3:cpu,cpuacct:/path</c>.</summary>
    public static string? ParsePath(string line, string controller) =>
        line.Split(':', 3) is [var hierarchy, var controllers, var path]
        && (controllers.Length == 0 ? hierarchy == "0" : controllers.Split(',').Contains(controller)) ? path : null;

    /// <summary>The group's folder in each place where a version mounts it, and the folders above it; inside a container its path may not be visible, its root is.</summary>
    private static IEnumerable<string> Folders(string root, string controller)
    {
        var mounts = Path.Combine(root, "sys", "fs", "cgroup");
        var groups = Path.Combine(root, "proc", "self", "cgroup");
        if (!File.Exists(groups)) yield break;
        foreach (var line in File.ReadAllLines(groups))
            if (ParsePath(line, controller) is { } path)
                foreach (var mount in new[] { mounts, Path.Combine(mounts, "unified"), Path.Combine(mounts, controller), Path.Combine(mounts, "cpu,cpuacct") })
                    for (var folder = path.Trim('/'); ; folder = Path.GetDirectoryName(folder) ?? "")
                    {
                        yield return Path.Combine(mount, folder);
                        if (folder.Length == 0) break;
                    }
    }

    private static string? Read(string folder, string file)
    {
        var path = Path.Combine(folder, file);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
    }
}
