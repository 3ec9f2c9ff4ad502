using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Nn;

namespace Weft.Models;

/// <summary>LLaMA: a decoder with RMS norms, rotary positions, grouped queries and a gated MLP.</summary>
/// <remarks>Touvron et al., arXiv 2302.13971; numbers as transformers/models/llama/modeling_llama.py.</remarks>
[Architecture("llama", Gguf = "llama")]
public sealed class Llama : CausalModel
{
    private readonly Embedding embed_tokens;
    private readonly IReadOnlyList<Layer> layers;
    private readonly RmsNorm norm;
    private readonly Linear lm_head;
    private readonly RotaryEmbedding rotary;
    private readonly long? window;
    private readonly List<Site> sites = [];

    /// <summary>Builds the model a config describes.</summary>
    /// <param name="config">config.json.</param>
    /// <param name="weights">Where its tensors come from.</param>
    /// <param name="window">Positions a query sees, itself included; null for all before it.</param>
    /// <exception cref="InvalidDataException">The config lacks what a model needs or says what is not known, or the tensors are not those it describes; every problem is listed.</exception>
    public Llama(JsonObject config, Weights weights, long? window = null)
        : this(new ConfigReader(config), weights, window)
    {
    }

    /// <summary>Builds the model a config describes, where a family has defaults of its own.</summary>
    /// <param name="read">config.json.</param>
    /// <param name="weights">Where its tensors come from.</param>
    /// <param name="window">Positions a query sees, itself included; null for all before it.</param>
    /// <param name="unstatedGroups">Key-value heads where the config does not state them; null for as many as there are heads.</param>
    /// <param name="unstatedContext">Most positions where the config does not state them.</param>
    /// <param name="mayHaveBias">Whether the family knows attention_bias and mlp_bias.</param>
    internal Llama(ConfigReader read, Weights weights, long? window, long? unstatedGroups = null, long unstatedContext = 2048, bool mayHaveBias = true)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var model = weights.At("model");
        var width = read.Count("hidden_size");
        var heads = read.Count("num_attention_heads");
        var groups = read.Count("num_key_value_heads", read.States("num_key_value_heads") ? heads : unstatedGroups ?? heads);
        var headWidth = read.Count("head_dim", Math.Max(1, width / heads));
        var inner = read.Count("intermediate_size");
        var count = (int)read.Count("num_hidden_layers");
        var epsilon = read.Positive("rms_norm_eps", 1e-6);
        var (attentionBias, mlpBias) = mayHaveBias ? (read.Flag("attention_bias", false), read.Flag("mlp_bias", false)) : (false, false);
        var tied = read.Flag("tie_word_embeddings", false);
        var act = read.Word("hidden_act", "silu");
        var activation = Activations.Find(act);
        VocabularySize = read.Count("vocab_size");
        ContextLength = read.Count("max_position_embeddings", unstatedContext);
        read.Require(heads % groups == 0, $"num_attention_heads: {heads} is no multiple of num_key_value_heads {groups}", "num_attention_heads", "num_key_value_heads");
        read.Require(read.Config["head_dim"] is not null || width % heads == 0, $"hidden_size: {width} is no multiple of num_attention_heads {heads}, and head_dim is not stated", "hidden_size", "num_attention_heads");
        read.Require(headWidth % 2 == 0, $"head_dim: {headWidth} is odd, and rotary positions turn pairs", "head_dim", "hidden_size", "num_attention_heads");
        read.Require(activation is not null, $"hidden_act: \"{act}\" is none of {string.Join(", ", Activations.All)}");
        if (model.CountOf("layers") is { } held) read.Require(count <= held, $"num_hidden_layers: {count}, and the tensors are of {held} (model.layers.N)", "num_hidden_layers"); // fewer are left over, and listed so
        if (weights.Checkpoint is LlamaGguf file)
            read.Require((file.Heads, file.Groups) == (heads, groups), $"num_attention_heads: {heads}, with num_key_value_heads {groups}; the file's rows of q and k are ordered for {file.Heads} and {file.Groups}, as its metadata say", "num_attention_heads", "num_key_value_heads");
        rotary = new RotaryEmbedding(read, headWidth, ContextLength);
        read.Finish(weights.Checkpoint?.Path ?? "");

        (Config, Width, this.window) = (read.Config, width, window);
        embed_tokens = new Embedding(model.At("embed_tokens"), VocabularySize, width);
        layers = [.. Enumerable.Range(0, count).Select(i =>
        {
            var at = model.At($"layers.{i}");
            return new Layer(
                new RmsNorm(at.At("input_layernorm"), width, epsilon),
                new Attention(at.At("self_attn"), width, heads, groups, headWidth, attentionBias, attentionBias),
                new RmsNorm(at.At("post_attention_layernorm"), width, epsilon),
                new GatedMlp(at.At("mlp"), width, inner, mlpBias, activation!));
        })];
        norm = new RmsNorm(model.At("norm"), width, epsilon);
        // Some files hold a head although the config ties it: the embedding once more, or one of its own, which then counts.
        var head = weights.At("lm_head");
        lm_head = tied && (!head.AreRead || !head.Has("weight") || head.Repeats("weight", embed_tokens.Weight)) ? new Linear(head.Tied("weight", embed_tokens.Weight)) : new Linear(head, width, VocabularySize);
        weights.Finish(k => k.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal));
        Tensors = [.. weights.Taken];

        sites.Add(new Site("model.embed_tokens", embed_tokens, SiteRole.Embedding));
        foreach (var (layer, i) in layers.Select((l, i) => (l, i)))
        {
            sites.AddRange(layer.Attention.Sites(i));
            sites.AddRange(layer.Mlp.Sites(i));
            sites.Add(new Site($"model.layers.{i}.input_layernorm", layer.Before, SiteRole.Norm, i));
            sites.Add(new Site($"model.layers.{i}.post_attention_layernorm", layer.Between, SiteRole.Norm, i));
        }
        sites.Add(new Site("model.norm", norm, SiteRole.Norm));
        sites.Add(new Site("lm_head", lm_head, SiteRole.Head));
    }

    /// <inheritdoc/>
    public override JsonObject Config { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Site> Sites => sites;

    /// <inheritdoc/>
    public override IReadOnlyList<BaseTensor> Tensors { get; }

    /// <inheritdoc/>
    public override long VocabularySize { get; }

    /// <inheritdoc/>
    public override long Width { get; }

    /// <inheritdoc/>
    public override int LayerCount => layers.Count;

    /// <inheritdoc/>
    public override long ContextLength { get; }

    /// <inheritdoc/>
    public override Adaptable Head => lm_head;

    /// <summary>The model of a config and weights.</summary>
    public static CausalModel Create(JsonObject config, Weights weights, string source) => new Llama(config, weights) { Source = source };

    /// <summary>A GGUF file of this family in Hugging Face's words.</summary>
    internal static Checkpoint FromGguf(Gguf file) => new LlamaGguf(file);

    /// <inheritdoc/>
    public override Tensor Hidden(TokenInput input, KvCache? cache = null, IList<Tensor>? states = null, Call? call = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        using var scope = NewDisposeScope();
        using var entered = CallFor(input, cache, call).Enter();
        var cached = cache?.Length ?? 0;
        var tokens = input.Ids.shape[1];
        var (turn, mask) = Order(input, cached);
        var x = embed_tokens.Forward(input.Ids);
        var recomputed = cache is null && is_grad_enabled() ? RecomputedLayers(input.Ids.numel()) : 0;
        if (recomputed > 0 && !x.requires_grad) x = x.detach().requires_grad_();
        states?.Add(x.alias().MoveToOuterDisposeScope());
        for (var i = 0; i < layers.Count; i++)
        {
            var (layer, index) = (layers[i], i);
            var next = i < recomputed ? Recomputed.Run(x, h => Again(layer, index, h, input)) : layer.Forward(x, turn, mask, cache, i);
            x.Dispose();
            x = next;
            if (i < layers.Count - 1) states?.Add(x.alias().MoveToOuterDisposeScope());
        }
        cache?.Advance(tokens);
        x = norm.Forward(x);
        states?.Add(x.alias().MoveToOuterDisposeScope());
        return x.MoveToOuterDisposeScope();
    }

    private ((Tensor Cos, Tensor Sin) Turn, AttentionMask Mask) Order(TokenInput input, long cached)
    {
        using var scope = NewDisposeScope();
        var turn = rotary.At(input.Positions ?? arange(cached, cached + input.Ids.shape[1], dtype: int64).unsqueeze(0));
        var mask = AttentionMask.For(input, cached, window);
        mask.Added?.MoveToOuterDisposeScope();
        return ((turn.Cos.MoveToOuterDisposeScope(), turn.Sin.MoveToOuterDisposeScope()), mask);
    }

    // Turns and masks are made again too: those of the forward pass are gone when the backward pass runs, and the input is not.
    private Tensor Again(Layer layer, int index, Tensor x, TokenInput input)
    {
        using var scope = NewDisposeScope();
        var (turn, mask) = Order(input, 0);
        return layer.Forward(x, turn, mask, null, index).MoveToOuterDisposeScope();
    }

    private sealed record Layer(RmsNorm Before, Attention Attention, RmsNorm Between, GatedMlp Mlp)
    {
        public Tensor Forward(Tensor x, (Tensor Cos, Tensor Sin) turn, AttentionMask mask, KvCache? cache, int layer)
        {
            using var scope = NewDisposeScope();
            var attended = x + Attention.Forward(Before.Forward(x), turn, mask, cache, layer);
            return (attended + Mlp.Forward(Between.Forward(attended))).MoveToOuterDisposeScope();
        }
    }
}
