using System.Diagnostics;
using System.Globalization;

namespace Weft.Benchmarks;

/// <summary>How long a person waits for the first step: from the start of the process to the line that reports it.</summary>
internal static class Starting
{
    public static int Run(IReadOnlyDictionary<string, string> options)
    {
        var folder = Directory.CreateTempSubdirectory("weft-start-").FullName;
        try
        {
            for (var i = 0; i < int.Parse(options.GetValueOrDefault("times", "3"), CultureInfo.InvariantCulture); i++)
            {
                var info = new ProcessStartInfo("dotnet", [options["cli"], "train", .. options["run"].Split(' '), $"output={folder}"]) { RedirectStandardOutput = true };
                var start = Stopwatch.GetTimestamp();
                using var process = Process.Start(info)!;
                while (process.StandardOutput.ReadLine() is { } line)
                {
                    if (!line.StartsWith("step 1 ", StringComparison.Ordinal)) continue;
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"first step after {Stopwatch.GetElapsedTime(start).TotalSeconds:F2} s"));
                    break;
                }
                var hasEnded = process.HasExited;
                process.Kill();
                process.WaitForExit();
                if (hasEnded) return process.ExitCode;
            }
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
