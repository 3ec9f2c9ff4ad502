using System.Diagnostics;
using System.Globalization;
using Weft.Checkpoints;

namespace Weft.Benchmarks;

/// <summary>Opening a checkpoint and taking every tensor from it, without reading the numbers.</summary>
internal static class Opening
{
    public static void Run(IReadOnlyDictionary<string, string> options)
    {
        var megabytes = int.Parse(options.GetValueOrDefault("megabytes", "216"), CultureInfo.InvariantCulture);
        var count = int.Parse(options.GetValueOrDefault("tensors", "300"), CultureInfo.InvariantCulture);
        var path = Path.Combine(Path.GetTempPath(), $"weft-opening-{Environment.ProcessId}.safetensors");
        try
        {
            using (NewDisposeScope())
                Safetensors.Write(path, Enumerable.Range(0, count).Select(i => ($"layer.{i}.weight", zeros(megabytes * 262144L / count))));
            for (var i = 0; i < 6; i++)
            {
                var start = Stopwatch.GetTimestamp();
                using var scope = NewDisposeScope();
                using var file = Checkpoint.Open(path);
                var opened = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                foreach (var name in file.Tensors.Keys) file.Read(name);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(i == 0 ? "first in the process" : "again")}: opened in {opened:F1} ms, all {count} tensors taken after {Stopwatch.GetElapsedTime(start).TotalMilliseconds:F1} ms"));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }
}
