using System.Diagnostics;
using System.Globalization;
using LLama;
using LLama.Common;
using LLama.Sampling;

namespace Weft.Benchmarks;

/// <summary>The same decoding with LLamaSharp: what a .NET user would run today. It multiplies in the file's 4- and 8-bit kinds.</summary>
internal static class LlamaSharpDecoding
{
    public static void Run(IReadOnlyDictionary<string, string> options)
    {
        var count = int.Parse(options.GetValueOrDefault("tokens", "128"), CultureInfo.InvariantCulture);
        LLama.Native.NativeLogConfig.llama_log_set((_, _) => { });
        var start = Stopwatch.GetTimestamp();
        var parameters = new ModelParams(options["gguf"]) { ContextSize = 512, Threads = Environment.ProcessorCount, BatchThreads = Environment.ProcessorCount };
        using var weights = LLamaWeights.LoadFromFile(parameters);
        var executor = new StatelessExecutor(weights, parameters);
        var settings = new InferenceParams { MaxTokens = count, SamplingPipeline = new GreedySamplingPipeline() };
        var times = new List<double>();
        var before = start;
        Consume().GetAwaiter().GetResult();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"LLamaSharp decode: first token {times[0]:F2} s after the start of loading; {(times.Count - 1) / times.Skip(1).Sum():F1} tokens/s (median {1000 * Machine.Median(times.Skip(1)):F2} ms a token); peak {Machine.PeakMegabytes():F0} MB"));

        async Task Consume()
        {
            await foreach (var text in executor.InferAsync("Once upon a time there was a small village by the sea in which an old woman told stories to all who came, and the one she loved best began so:", settings).ConfigureAwait(false))
            {
                times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
                before = Stopwatch.GetTimestamp();
            }
        }
    }
}
