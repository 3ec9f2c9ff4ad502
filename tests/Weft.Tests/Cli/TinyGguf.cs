using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>The tiny model of these tests as a GGUF file: metadata, tokenizer, fp32 tensors, the halves of q's and k's heads interleaved as llama.cpp lays them.</summary>
internal static class TinyGguf
{
    private static readonly (string HuggingFace, string Gguf)[] names =
    [
        ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"),
    ];

    /// <summary>Writes the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="parts">Of how many files it says to be one.</param>
    /// <param name="hasTokenizer">Whether its metadata hold the tokenizer.</param>
    /// <param name="more">Further keys.</param>
    public static string Write(string path, int parts = 1, bool hasTokenizer = true, Action<GgufBytes>? more = null)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(TinyModel.Folder, "config.json")))!;
        var tokenizer = JsonNode.Parse(File.ReadAllText(Path.Combine(TinyModel.Folder, "tokenizer.json")))!["model"]!;
        uint Fact(string key) => (uint)config[key]!;
        var file = new GgufBytes()
            .Key("general.architecture", "llama")
            .Key("llama.block_count", Fact("num_hidden_layers")).Key("llama.context_length", Fact("max_position_embeddings"))
            .Key("llama.embedding_length", Fact("hidden_size")).Key("llama.feed_forward_length", Fact("intermediate_size"))
            .Key("llama.attention.head_count", Fact("num_attention_heads")).Key("llama.attention.head_count_kv", Fact("num_key_value_heads"))
            .Key("llama.attention.layer_norm_rms_epsilon", 6, BitConverter.GetBytes(1e-6f)); // what a LLaMA config without rms_norm_eps means
        if (hasTokenizer)
            file.Key("tokenizer.ggml.model", "gpt2").Key("tokenizer.ggml.pre", "gpt-2")
                .Key("tokenizer.ggml.tokens", [.. tokenizer["vocab"]!.AsObject().OrderBy(t => (int)t.Value!).Select(t => t.Key)])
                .Key("tokenizer.ggml.merges", [.. tokenizer["merges"]!.AsArray().Select(m => m is JsonArray pair ? $"{pair[0]} {pair[1]}" : (string)m!)])
                .Key("tokenizer.ggml.token_type", 9, [.. BitConverter.GetBytes(5u), .. BitConverter.GetBytes((ulong)Fact("vocab_size")), .. Enumerable.Range(0, (int)Fact("vocab_size")).SelectMany(i => BitConverter.GetBytes(i == 0 ? 3 : 1))])
                .Key("tokenizer.ggml.bos_token_id", 0u).Key("tokenizer.ggml.eos_token_id", 0u);
        more?.Invoke(file);
        if (parts > 1) file.Key("split.count", 2, BitConverter.GetBytes((ushort)parts));
        using var checkpoint = Checkpoint.Open(TinyModel.Folder);
        using var data = new MemoryStream();
        foreach (var (name, entry) in checkpoint.Tensors)
        {
            using var scope = NewDisposeScope();
            var value = checkpoint.Read(name);
            if (name.Contains("q_proj", StringComparison.Ordinal)) value = Interleaved(value, Fact("num_attention_heads"));
            if (name.Contains("k_proj", StringComparison.Ordinal)) value = Interleaved(value, Fact("num_key_value_heads"));
            file.Tensor(InGgufWords(name), kind: 0, (ulong)data.Length, [.. entry.Shape.Reverse().Select(d => (ulong)d)]);
            data.Write(value.contiguous().bytes);
            data.Write(new byte[(32 - data.Length % 32) % 32]);
        }
        File.WriteAllBytes(path, file.File(data.ToArray()));
        return path;
    }

    // Rows (head, half, pair) → (head, pair, half).
    private static Tensor Interleaved(Tensor value, long heads) => value.reshape(heads, 2, value.shape[0] / heads / 2, value.shape[1]).transpose(1, 2).reshape(value.shape);

    private static string InGgufWords(string name)
    {
        var renamed = name switch { "model.embed_tokens.weight" => "token_embd.weight", "model.norm.weight" => "output_norm.weight", _ => name.Replace("model.layers.", "blk.", StringComparison.Ordinal) };
        foreach (var (huggingFace, gguf) in names) renamed = renamed.Replace($".{huggingFace}.", $".{gguf}.", StringComparison.Ordinal);
        return renamed;
    }
}
