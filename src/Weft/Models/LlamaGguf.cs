using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Weft.Checkpoints;
using Weft.Nn;

namespace Weft.Models;

/// <summary>A GGUF file of the llama architecture seen as a Hugging Face checkpoint.</summary>
/// <remarks>
/// Names as in llama.cpp's convert_hf_to_gguf.py, read backwards. That conversion interleaves the two halves of every head of q and k; here each
/// head's rows are put back into two halves, which Hugging Face's rotary positions turn against each other.
/// </remarks>
internal sealed partial class LlamaGguf : Checkpoint, IHuggingFaceView
{
    private const string Divisors = "rope_freqs.weight";
    private const double LowTurns = 1, HighTurns = 4; // low_freq_factor and high_freq_factor of Llama 3

    private static readonly Dictionary<string, string> parts = new(StringComparer.Ordinal)
    {
        ["attn_norm"] = "input_layernorm",
        ["ffn_norm"] = "post_attention_layernorm",
        ["attn_q"] = "self_attn.q_proj",
        ["attn_k"] = "self_attn.k_proj",
        ["attn_v"] = "self_attn.v_proj",
        ["attn_output"] = "self_attn.o_proj",
        ["ffn_gate"] = "mlp.gate_proj",
        ["ffn_up"] = "mlp.up_proj",
        ["ffn_down"] = "mlp.down_proj",
    };

    // What of llama.rope.scaling.* is read, and the values by which the rest says nothing.
    private static readonly string[] understood = ["type", "factor", "original_context_length", "finetuned", "yarn_beta_fast", "yarn_beta_slow"];

    private static readonly Dictionary<string, double[]> neutral = new(StringComparer.Ordinal)
    {
        ["attn_factor"] = [1],
        ["yarn_attn_factor"] = [1],
        ["yarn_ext_factor"] = [1, -1],
        ["yarn_log_multiplier"] = [0],
    };

    private readonly Gguf file;
    private readonly OrderedDictionary<string, TensorEntry> entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> sources = new(StringComparer.Ordinal);
    private readonly long heads, groups;
    private readonly Problems problems;
    private readonly GgufMetadata metadata;
    private JsonObject? config;

    public LlamaGguf(Gguf file) : base(file.Path)
    {
        (this.file, problems) = (file, new Problems($"{file.Path} does not describe a llama"));
        metadata = new GgufMetadata(file.Metadata, problems);
        if (file.Metadata.TryGetValue("split.count", out var split) && split is ulong and > 1)
            throw new NotSupportedException($"{file.Path} is one of {split} parts of a model, and parts are not read one by one. Join them (llama.cpp's gguf-split --merge) and name the whole file.");
        foreach (var (name, entry) in file.Tensors.Where(t => t.Key != Divisors))
        {
            var renamed = InHuggingFaceWords(name);
            if (sources.TryGetValue(renamed, out var other)) problems.Add($"tensors {other} and {name} are both {renamed}");
            entries[renamed] = entry with { Name = renamed };
            sources[renamed] = name;
        }
        heads = metadata.Count("llama.attention.head_count");
        groups = metadata.Count("llama.attention.head_count_kv", heads);
    }

    /// <summary>Heads by which the rows of q are ordered.</summary>
    /// <exception cref="InvalidDataException">The metadata do not say it.</exception>
    public long Heads => Sound(heads);

    /// <summary>Heads by which the rows of k are ordered.</summary>
    /// <exception cref="InvalidDataException">The metadata do not say it.</exception>
    public long Groups => Sound(groups);

    /// <inheritdoc/>
    /// <remarks>Made when it is asked for: with a config.json beside the file, the metadata need not describe the model.</remarks>
    public JsonObject Config => Sound(config ??= Describe());

    public override IReadOnlyDictionary<string, TensorEntry> Tensors => entries;

    public override IReadOnlyDictionary<string, object> Metadata => file.Metadata;

    public override Tensor Read(string name, ScalarType? type = null)
    {
        if (!sources.TryGetValue(name, out var source)) throw NoTensor(name);
        var value = file.Read(source, type);
        if (name.Contains(".q_proj.", StringComparison.Ordinal)) return InTwoHalves(name, value, Heads);
        return name.Contains(".k_proj.", StringComparison.Ordinal) ? InTwoHalves(name, value, Groups) : value;
    }

    protected override void Dispose(bool disposing) => file.Dispose();

    // Rows (head, pair, half) → (head, half, pair).
    private Tensor InTwoHalves(string name, Tensor value, long heads)
    {
        using var scope = NewDisposeScope();
        var rows = value.shape[0];
        if (rows % (2 * heads) != 0) throw new InvalidDataException($"{Path}: {sources[name]} has {rows} rows, which are no {heads} heads of pairs, as its metadata say.");
        return value.reshape([heads, rows / heads / 2, 2, .. value.shape[1..]]).transpose(1, 2).reshape(value.shape).contiguous().MoveToOuterDisposeScope();
    }

    private static string InHuggingFaceWords(string name)
    {
        var layer = Layer().Match(name);
        if (layer.Success && parts.TryGetValue(layer.Groups["part"].Value, out var part)) return $"model.layers.{layer.Groups["index"].Value}.{part}.{layer.Groups["kind"].Value}";
        return name switch
        {
            "token_embd.weight" => "model.embed_tokens.weight",
            "output_norm.weight" => "model.norm.weight",
            "output.weight" => "lm_head.weight",
            _ => name,
        };
    }

    private JsonObject Describe()
    {
        var (vocabulary, width) = file.Tensors.TryGetValue("token_embd.weight", out var table) && table.Shape.Count == 2
            ? (table.Shape[0], table.Shape[1])
            : (0, heads);
        if (vocabulary == 0) problems.Add("it has no token_embd.weight (vocabulary, width)");
        if (width % heads != 0 && !metadata.States("llama.attention.key_length")) metadata.Refuse("llama.attention.head_count", $"a divisor of the width {width}");
        var headWidth = metadata.Count("llama.attention.key_length", Math.Max(1, width / heads));
        if (metadata.Count("llama.rope.dimension_count", headWidth) != headWidth) metadata.Refuse("llama.rope.dimension_count", $"the width of a head, {headWidth}; heads that are turned in part are not built");
        if (metadata.States("llama.expert_count") && metadata.Number("llama.expert_count") != 0) metadata.Refuse("llama.expert_count", "0; mixtures of experts are not built");
        var layers = entries.Keys.Select(k => Layer().Match(sources[k])).Where(m => m.Success).Select(m => long.TryParse(m.Groups["index"].Value, out var index) ? index + 1 : 0).DefaultIfEmpty().Max();
        if (metadata.Count("llama.block_count", layers) != layers) metadata.Refuse("llama.block_count", $"the number of layers, of which there are tensors of {layers}");
        var context = metadata.Count("llama.context_length");
        var described = new JsonObject
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["attention_bias"] = entries.ContainsKey("model.layers.0.self_attn.q_proj.bias"),
            ["bos_token_id"] = metadata.Token("tokenizer.ggml.bos_token_id"),
            ["eos_token_id"] = metadata.Token("tokenizer.ggml.eos_token_id"),
            ["head_dim"] = headWidth,
            ["hidden_act"] = "silu",
            ["hidden_size"] = width,
            ["intermediate_size"] = metadata.Count("llama.feed_forward_length"),
            ["max_position_embeddings"] = context,
            ["mlp_bias"] = entries.ContainsKey("model.layers.0.mlp.up_proj.bias"),
            ["model_type"] = "llama",
            ["num_attention_heads"] = heads,
            ["num_hidden_layers"] = layers,
            ["num_key_value_heads"] = groups,
            ["pad_token_id"] = metadata.Token("tokenizer.ggml.padding_token_id"),
            ["rms_norm_eps"] = metadata.Positive("llama.attention.layer_norm_rms_epsilon"),
            ["rope_parameters"] = Rope(context, headWidth),
            ["tie_word_embeddings"] = !entries.ContainsKey("lm_head.weight"),
            ["vocab_size"] = vocabulary,
        };
        foreach (var unset in described.Where(c => c.Value is null).Select(c => c.Key).ToList()) described.Remove(unset);
        return described;
    }

    private JsonObject Rope(long context, long headWidth)
    {
        const string Scaling = "llama.rope.scaling.";
        foreach (var key in file.Metadata.Keys.Where(k => k.StartsWith(Scaling, StringComparison.Ordinal) && !understood.Contains(k[Scaling.Length..])))
            if (!(neutral.TryGetValue(key[Scaling.Length..], out var without) && metadata.Number(key) is { } number && without.Contains(number)))
                metadata.Refuse(key, $"{(without is null ? "nothing" : without[0])}, since config.json has no word for it. Lay the model's config.json beside the file");
        var rope = new JsonObject { ["rope_theta"] = metadata.Positive("llama.rope.freq_base", 10000), ["rope_type"] = "default" };
        var factor = metadata.States(Scaling + "factor") ? Scaling + "factor" : metadata.States("llama.rope.scale_linear") ? "llama.rope.scale_linear" : null;
        var kind = metadata.Word(Scaling + "type", factor is null ? "none" : "linear"); // as llama.cpp, for which a factor of 0 is none
        if (kind is not ("none" or "linear" or "yarn")) metadata.Refuse(Scaling + "type", "one of none, linear, yarn. Lay the model's config.json beside the file");
        if (kind == "linear" && factor is not null && metadata.Number(factor) == 0) kind = "none";
        if (file.Tensors.TryGetValue(Divisors, out var divisors))
        {
            if (kind != "none") problems.Add($"{Divisors} stands beside metadata of a scaling \"{kind}\", and a config.json has one rule");
            return Divided(rope, divisors, headWidth);
        }
        if (kind is not ("linear" or "yarn")) return rope;
        rope["rope_type"] = kind;
        rope["factor"] = metadata.Positive(factor ?? Scaling + "factor");
        if (kind == "linear") return rope;
        rope["original_max_position_embeddings"] = metadata.Count(Scaling + "original_context_length", context);
        foreach (var beta in new[] { "beta_fast", "beta_slow" })
            if (metadata.States($"{Scaling}yarn_{beta}")) rope[beta] = metadata.Positive($"{Scaling}yarn_{beta}");
        return rope;
    }

    // Llama 3.1 and later store what each frequency is divided by, and not the rule. The published rule is taken up where it gives the stored numbers.
    private JsonObject Divided(JsonObject rope, TensorEntry divisors, long headWidth)
    {
        if (!divisors.Shape.SequenceEqual([headWidth / 2]))
        {
            problems.Add($"{Divisors}: ({string.Join(", ", divisors.Shape)}) for ({headWidth / 2}), half the width of a head");
            return rope;
        }
        using var scope = NewDisposeScope();
        var stored = file.Read(Divisors, ScalarType.Float32).data<float>().ToArray();
        if (stored.All(d => d == 1)) return rope;
        if (!stored.All(d => float.IsFinite(d) && d > 0))
        {
            problems.Add($"{Divisors} holds what is no number above 0");
            return rope;
        }
        var plain = new RotaryEmbedding(new JsonObject { ["rope_parameters"] = rope.DeepClone() }, headWidth).Frequencies;
        foreach (var original in Originals(stored, plain))
        {
            var rule = rope.DeepClone().AsObject();
            (rule["rope_type"], rule["factor"], rule["original_max_position_embeddings"]) = ("llama3", (double)stored.Max(), original);
            (rule["low_freq_factor"], rule["high_freq_factor"]) = (LowTurns, HighTurns);
            var scaled = new RotaryEmbedding(new JsonObject { ["rope_parameters"] = rule.DeepClone() }, headWidth).Frequencies;
            if (stored.Index().All(d => Math.Abs(plain[d.Index] / scaled[d.Index] - d.Item) <= 1e-4 * d.Item)) return rule;
        }
        problems.Add($"{Divisors} divides the frequencies otherwise than Llama 3's rule does for any length. Lay the model's config.json beside the file");
        return rope;
    }

    // The length a model was first made for: solved for from each divisor that the rule blends, and any that is common where it blends none.
    private static IEnumerable<long> Originals(float[] stored, IReadOnlyList<float> plain)
    {
        double largest = stored.Max();
        var solved = stored.Index().Where(d => d.Item > 1 && d.Item < largest)
            .Select(d => 2 * Math.PI / plain[d.Index] * ((1.0 / d.Item - 1 / largest) / (1 - 1 / largest) * (HighTurns - LowTurns) + LowTurns)).ToList();
        if (solved.Count > 0)
        {
            var mean = solved.Average();
            yield return 1L << (int)Math.Clamp(Math.Round(Math.Log2(mean)), 0, 62);
            yield return (long)Math.Round(mean);
        }
        yield return 8192;
        for (var power = 0; power < 31; power++) yield return 1L << power;
    }

    private T Sound<T>(T value)
    {
        problems.ThrowIfAny();
        return value;
    }

    [GeneratedRegex(@"^blk\.(?<index>\d+)\.(?<part>[a-z_]+)\.(?<kind>weight|bias)$")]
    private static partial Regex Layer();
}
