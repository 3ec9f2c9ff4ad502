using System.Globalization;

namespace Weft.Cli;

/// <summary>Numbers of bytes and others as people read them.</summary>
internal static class Bytes
{
    /// <summary>1.5 GB, 216 MB, 12 kB: decimal, as disks and downloads count.</summary>
    public static string Text(long bytes)
    {
        var (value, unit) = bytes switch
        {
            >= 1_000_000_000 => (bytes / 1e9, "GB"),
            >= 1_000_000 => (bytes / 1e6, "MB"),
            >= 1_000 => (bytes / 1e3, "kB"),
            _ => (bytes, "B"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {unit}");
    }

    /// <summary>12,345</summary>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
