using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Methods;
using Weft.Models;
using Weft.Nn;
using Weft.Training;

namespace Weft.Benchmarks;

/// <summary>Training steps of an adapter on a frozen base: tokens a second, share of the GEMM rate, peak memory.</summary>
internal static class Training
{
    public static void Run(IReadOnlyDictionary<string, string> options)
    {
        var (batch, tokens) = (Number(options, "batch", 4), Number(options, "tokens", 256));
        using var model = Model(options);
        random.manual_seed(3);
        Measure(options, model, () =>
        {
            var ids = randint(0, model.VocabularySize, [batch, tokens], dtype: int64);
            return (ids, ids, batch * tokens, batch * (tokens - 1));
        });
    }

    public static void RunSst2(IReadOnlyDictionary<string, string> options)
    {
        using var model = Model(options);
        random.manual_seed(3);
        long length = 0;
        Measure(options, model, () =>
        {
            length = options.TryGetValue("length", out var fixedLength) ? long.Parse(fixedLength, CultureInfo.InvariantCulture) : 8 + (length * 7 + 5) % 23; // lengths as bucketed rows have them: equal in a batch, different from one to the next
            var ids = randint(0, model.VocabularySize, [16, length], dtype: int64);
            var labels = full([16, length], -100L, dtype: int64);
            labels.narrow(1, length - 1, 1).copy_(ids.narrow(1, length - 1, 1));
            return (ids, labels, 16 * length, 16L);
        });
    }

    private static void Measure(IReadOnlyDictionary<string, string> options, CausalModel model, Func<(Tensor Ids, Tensor Labels, long Tokens, long Supervised)> next)
    {
        var (method, rank, steps) = (options.GetValueOrDefault("method", "wegeft"), (int)Number(options, "rank", 16), (int)Number(options, "steps", 12));
        PeftConfig config = method == "lora"
            ? new LoraConfig { Rank = rank, Alpha = 2 * rank, TargetModules = Targets.Matching("all-linear") }
            : new WegeftConfig { Rank = rank, Alpha = 2 * rank, TargetModules = Targets.Matching("all-linear") };
        var set = config.AttachTo(model);
        model.ActivationBudget = options.TryGetValue("activations", out var budget) ? (long)(1e6 * double.Parse(budget, CultureInfo.InvariantCulture)) : null;
        model.Train();
        var state = new TrainingState(set.Groups, new TrainOptions { Steps = steps, LearningRate = 1e-4, WarmupSteps = 1 }, steps);
        var (times, tokens, before) = (new List<double>(), new List<double>(), Stopwatch.GetTimestamp());
        IEnumerable<(Tensor Ids, Tensor Labels, long Tokens, long Supervised)> Batches(int epoch, int skip)
        {
            while (true) yield return next();
        }
        foreach (var step in Train.Steps(state, Batches, b => model.Loss(new TokenInput(b.Ids), b.Labels), b => new BatchFacts([0], b.Tokens, b.Supervised)))
        {
            if (step.Index > 2) // the first two fill caches
            {
                times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
                tokens.Add(step.Tokens);
            }
            before = Stopwatch.GetTimestamp();
        }
        var rate = tokens.Sum() / times.Sum();
        var best = times.Zip(tokens, (t, n) => n / t).Max();
        var weights = model.Sites.Where(s => s.Host is ILinearMap && s.Role != SiteRole.Head).Sum(s => s.Host.InFeatures * s.Host.OutFeatures);
        var (peak, bf16, fp32) = (Machine.PeakMegabytes(), Machine.GemmRate(bfloat16), Machine.GemmRate(float32));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{method} r{rank} {options.GetValueOrDefault("shape", "smollm2")}{(model.ActivationBudget is { } kept ? $" with gradient checkpointing above {kept / 1e6:F0} MB" : "")}: {rate:F0} tokens/s (best step {best:F0}); 4 · weights · tokens/s is {4.0 * weights * rate / 1e9:F0} GF/s = {4.0 * weights * rate / 1e9 / bf16:F3} of the bf16 rate {bf16:F0}, {4.0 * weights * rate / 1e9 / fp32:F3} of the fp32 rate {fp32:F0}; peak {peak:F0} MB; {set.Count:N0} trained"));
    }

    private static CausalModel Model(IReadOnlyDictionary<string, string> options)
    {
        var type = options.GetValueOrDefault("precision", "bf16") == "bf16" ? bfloat16 : float32;
        if (options.TryGetValue("gguf", out var file)) return Pretrained.Load(file, type);
        var (width, layers, heads, inner, vocabulary) = options.GetValueOrDefault("shape", "15m") switch
        {
            "15m" => (288, 6, 6, 768, 32000),
            "110m" => (768, 12, 12, 2048, 32000),
            var other => throw new ArgumentException($"shape={other} is neither 15m nor 110m; a real model is gguf=FILE."),
        };
        var config = new JsonObject
        {
            ["model_type"] = "llama",
            ["vocab_size"] = vocabulary,
            ["hidden_size"] = width,
            ["num_hidden_layers"] = layers,
            ["num_attention_heads"] = heads,
            ["intermediate_size"] = inner,
            ["rms_norm_eps"] = 1e-5,
            ["tie_word_embeddings"] = true,
        };
        random.manual_seed(1);
        return Architectures.Create(config, Weights.Random(0.02, type), "");
    }

    private static long Number(IReadOnlyDictionary<string, string> options, string key, long otherwise) =>
        options.TryGetValue(key, out var text) ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
