using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Weft.Checkpoints;

namespace Weft.Models;

/// <summary>A GGUF file of the llama architecture seen as a Hugging Face checkpoint.</summary>
/// <remarks>
/// Names as in llama.cpp's convert_hf_to_gguf.py, read backwards. That conversion interleaves the two halves of every head of q and k; here each
/// head's rows are put back into two halves, which Hugging Face's rotary positions turn against each other.
/// </remarks>
internal sealed partial class LlamaGguf : Checkpoint, IHuggingFaceView
{
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

    private readonly Gguf file;
    private readonly OrderedDictionary<string, TensorEntry> entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> sources = new(StringComparer.Ordinal);
    private readonly long heads, groups;
    private readonly Problems problems;

    public LlamaGguf(Gguf file) : base(file.Path)
    {
        (this.file, problems) = (file, new Problems($"{file.Path} does not describe a llama"));
        if (file.Metadata.TryGetValue("split.count", out var split) && split is ulong and > 1)
            throw new NotSupportedException($"{file.Path} is one of {split} parts of a model, and parts are not read one by one. Join them (llama.cpp's gguf-split --merge) and name the whole file.");
        foreach (var (name, entry) in file.Tensors.Where(t => t.Key != "rope_freqs.weight"))
        {
            var renamed = InHuggingFaceWords(name);
            entries[renamed] = entry with { Name = renamed };
            sources[renamed] = name;
        }
        heads = Count("attention.head_count");
        groups = Count("attention.head_count_kv", heads);
        Config = Describe();
        problems.ThrowIfAny();
    }

    public JsonObject Config { get; }

    public override IReadOnlyDictionary<string, TensorEntry> Tensors => entries;

    public override IReadOnlyDictionary<string, object> Metadata => file.Metadata;

    public override Tensor Read(string name, ScalarType? type = null)
    {
        if (!sources.TryGetValue(name, out var source)) throw NoTensor(name);
        var value = file.Read(source, type);
        if (name.Contains(".q_proj.", StringComparison.Ordinal)) return InTwoHalves(value, heads);
        return name.Contains(".k_proj.", StringComparison.Ordinal) ? InTwoHalves(value, groups) : value;
    }

    protected override void Dispose(bool disposing) => file.Dispose();

    // Rows (head, pair, half) → (head, half, pair).
    private static Tensor InTwoHalves(Tensor value, long heads)
    {
        using var scope = NewDisposeScope();
        var rows = value.shape[0];
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
        var context = Count("context_length");
        var config = new JsonObject
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["attention_bias"] = entries.ContainsKey("model.layers.0.self_attn.q_proj.bias"),
            ["bos_token_id"] = Token("bos"),
            ["eos_token_id"] = Token("eos"),
            ["head_dim"] = Count("attention.key_length", width / heads),
            ["hidden_act"] = "silu",
            ["hidden_size"] = width,
            ["intermediate_size"] = Count("feed_forward_length"),
            ["max_position_embeddings"] = context,
            ["mlp_bias"] = entries.ContainsKey("model.layers.0.mlp.up_proj.bias"),
            ["model_type"] = "llama",
            ["num_attention_heads"] = heads,
            ["num_hidden_layers"] = Count("block_count"),
            ["num_key_value_heads"] = groups,
            ["pad_token_id"] = Token("padding"),
            ["rms_norm_eps"] = Number("attention.layer_norm_rms_epsilon", 1e-5),
            ["rope_parameters"] = Rope(context),
            ["tie_word_embeddings"] = !entries.ContainsKey("lm_head.weight"),
            ["vocab_size"] = vocabulary,
        };
        foreach (var unset in config.Where(c => c.Value is null).Select(c => c.Key).ToList()) config.Remove(unset);
        return config;
    }

    private JsonObject Rope(long context)
    {
        var theta = Number("rope.freq_base", 10000);
        var scaling = file.Metadata.TryGetValue("llama.rope.scaling.type", out var kind) ? (string)kind : "none";
        if (file.Tensors.ContainsKey("rope_freqs.weight")) return Llama3Rope(theta);
        return scaling switch
        {
            "none" => new JsonObject { ["rope_theta"] = theta, ["rope_type"] = "default" },
            "linear" => new JsonObject { ["rope_theta"] = theta, ["rope_type"] = "linear", ["factor"] = Number("rope.scaling.factor", 1) },
            "yarn" => new JsonObject
            {
                ["rope_theta"] = theta,
                ["rope_type"] = "yarn",
                ["factor"] = Number("rope.scaling.factor", 1),
                ["original_max_position_embeddings"] = Count("rope.scaling.original_context_length", context),
            },
            _ => throw new NotSupportedException($"{Path}: llama.rope.scaling.type \"{scaling}\" is none of none, linear, yarn."),
        };
    }

    // Llama 3.1 and later store what each frequency is divided by, and not the rule. The published rule is taken up where it gives the stored numbers.
    private JsonObject Llama3Rope(double theta)
    {
        using var scope = NewDisposeScope();
        var stored = file.Read("rope_freqs.weight", ScalarType.Float32).data<float>().ToArray();
        var rope = new JsonObject
        {
            ["rope_theta"] = theta,
            ["rope_type"] = "llama3",
            ["factor"] = (double)MathF.Round(stored.Max()),
            ["low_freq_factor"] = 1.0,
            ["high_freq_factor"] = 4.0,
            ["original_max_position_embeddings"] = 8192,
        };
        var plain = new Nn.RotaryEmbedding(new JsonObject { ["rope_theta"] = theta }, 2 * stored.Length).Frequencies;
        var scaled = new Nn.RotaryEmbedding(new JsonObject { ["rope_parameters"] = rope.DeepClone() }, 2 * stored.Length).Frequencies;
        for (var i = 0; i < stored.Length; i++)
            if (Math.Abs(plain[i] / scaled[i] - stored[i]) > 1e-3 * stored[i])
                throw new NotSupportedException($"{Path}: rope_freqs.weight divides frequency {i} by {stored[i]}, and Llama 3's rule by {plain[i] / scaled[i]}. Lay the model's config.json beside the file.");
        return rope;
    }

    private JsonNode? Token(string kind) => file.Metadata.TryGetValue($"tokenizer.ggml.{kind}_token_id", out var id) ? JsonValue.Create((long)(ulong)id) : null;

    // What is missing or no count is a problem, and 1 stands for it until all are found.
    private long Count(string key, long? otherwise = null)
    {
        if (file.Metadata.TryGetValue($"llama.{key}", out var value) && value is ulong count and > 0 and < int.MaxValue) return (long)count;
        if (otherwise is { } known) return known;
        problems.Add($"metadata llama.{key} is {(value is null ? "missing" : $"{value}, no count above 0")}");
        return 1;
    }

    private double Number(string key, double otherwise) => file.Metadata.TryGetValue($"llama.{key}", out var value) && value is double number ? number : otherwise;

    [GeneratedRegex(@"^blk\.(?<index>\d+)\.(?<part>[a-z_]+)\.(?<kind>weight|bias)$")]
    private static partial Regex Layer();
}
