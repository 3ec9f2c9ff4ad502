using System.Diagnostics;
using System.Globalization;
using Weft.Models;
using Weft.Nn;

namespace Weft.Benchmarks;

/// <summary>Greedy decoding of one row from a GGUF file: file to first token, then tokens a second.</summary>
internal static class Decoding
{
    public static void Run(IReadOnlyDictionary<string, string> options)
    {
        var count = int.Parse(options.GetValueOrDefault("tokens", "128"), CultureInfo.InvariantCulture);
        var start = Stopwatch.GetTimestamp();
        using var model = Pretrained.Load(options["gguf"], options.GetValueOrDefault("precision", "fp32") == "bf16" ? bfloat16 : float32);
        using var _ = inference_mode(true);
        using var cache = new KvCache(model.LayerCount, 64 + count);
        long Next(Tensor ids)
        {
            using var scope = NewDisposeScope();
            return model.NextLogits(new TokenInput(ids), cache).argmax(-1).item<long>();
        }
        var token = Next(arange(100, 132, dtype: int64).unsqueeze(0));
        var first = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var times = new List<double>();
        for (var i = 0; i < count; i++)
        {
            var before = Stopwatch.GetTimestamp();
            using var ids = tensor([token]).view(1, 1);
            token = Next(ids);
            times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"Weft decode: first token {first:F2} s after the start of loading; {count / times.Sum():F1} tokens/s (median {1000 * Machine.Median(times):F2} ms a token); peak {Machine.PeakMegabytes():F0} MB; fp32 GEMM {Machine.GemmRate(float32):F0} GF/s"));
    }
}
