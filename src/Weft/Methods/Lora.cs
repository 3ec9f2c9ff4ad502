using System.Text.Json.Serialization;
using TorchSharp.Utils;
using Weft.Adapters;
using Weft.Nn;

namespace Weft.Methods;

/// <summary>LoRA: a low-rank matrix is added to each weight.</summary>
/// <remarks>
/// <code>
/// W′ = W + s B A        s = α / r, or α / √r        A (r, in) uniform ±1/√in,  B (out, r) = 0 at the start
/// y  = W x + b + s B (A dropout(x) + …)             an embedding: table + s (B A)ᵀ, A = 0, B normal
/// </code>
/// Hu et al., ICLR 2022; rank-stabilised scale: Kalajdzievski, arXiv 2312.03732. Files as Hugging Face PEFT 0.21 writes them (tuners/lora).
/// </remarks>
[PeftMethod("LORA", Paper = "https://arxiv.org/abs/2106.09685")]
public sealed record LoraConfig : PeftConfig
{
    /// <summary>r, the rank of B A.</summary>
    [JsonPropertyName("r")] public int Rank { get; init; } = 8;

    /// <summary>α; the change is scaled by α / r.</summary>
    [JsonPropertyName("lora_alpha"), JsonConverter(typeof(WholeOrFloat))] public double Alpha { get; init; } = 8;

    /// <summary>Chance that a feature of x is dropped on its way into A while training.</summary>
    [JsonPropertyName("lora_dropout")] public double Dropout { get; init; }

    /// <summary>Whether the change is scaled by α / √r.</summary>
    [JsonPropertyName("use_rslora")] public bool UseRslora { get; init; }

    /// <summary>Whether B has a bias of its own.</summary>
    public bool LoraBias { get; init; }

    /// <summary>Start: true is A uniform and B zero, "gaussian" is A normal with deviation 1/r and B zero, false draws both.</summary>
    [JsonConverter(typeof(FlagOrName))] public string InitLoraWeights { get; init; } = "true";

    /// <summary>Ranks that differ, by name or expression for the end of a module's path; the first that matches counts.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init => field = value ?? new Dictionary<string, int>(); } = new Dictionary<string, int>();

    /// <summary>Alphas that differ, likewise.</summary>
    [JsonConverter(typeof(NumbersByPattern))] public IReadOnlyDictionary<string, double> AlphaPattern { get; init => field = value ?? new Dictionary<string, double>(); } = new Dictionary<string, double>();

    /// <inheritdoc/>
    protected internal override string BiasOfAdapted => "lora_only";

    /// <inheritdoc/>
    protected internal override IEnumerable<(string, string, bool)> Patterns =>
        RankPattern.Keys.Select(k => ("rank_pattern", k, false)).Concat(AlphaPattern.Keys.Select(k => ("alpha_pattern", k, false)));

    /// <inheritdoc/>
    protected internal override bool StartsAtBase => InitLoraWeights != "false";

    /// <inheritdoc/>
    protected internal override string NewFile => """
        {"alora_invocation_tokens":null,"alpha_pattern":{},"arrow_config":null,"auto_mapping":null,"base_model_name_or_path":"","bias":"none","corda_config":null,
        "ensure_weight_tying":false,"eva_config":null,"exclude_modules":null,"fan_in_fan_out":false,"inference_mode":true,"init_lora_weights":true,"kasa_config":null,
        "layer_replication":null,"layers_pattern":null,"layers_to_transform":null,"loftq_config":{},"lora_alpha":8,"lora_bias":false,"lora_dropout":0.0,
        "lora_ga_config":null,"megatron_config":null,"megatron_core":"megatron.core","modules_to_save":null,"monteclora_config":null,"peft_version":"0.21.2",
        "qalora_group_size":16,"r":8,"rank_pattern":{},"revision":null,"target_modules":null,"target_parameters":null,"task_type":"CAUSAL_LM","trainable_token_indices":null,
        "use_bdlora":null,"use_dora":false,"use_qalora":false,"use_rslora":false,"velora_config":null}
        """;

    /// <inheritdoc/>
    protected internal override IEnumerable<string> Problems()
    {
        if (Rank < 1) yield return $"r is {Rank}; a rank is at least 1.";
        foreach (var (pattern, rank) in RankPattern.Where(p => p.Value < 1)) yield return $"rank_pattern \"{pattern}\" is {rank}; a rank is at least 1.";
        if (Dropout is < 0 or >= 1) yield return $"lora_dropout is {Dropout}; it lies in [0, 1).";
        if (InitLoraWeights is not ("true" or "false") && !IsGaussian) yield return $"init_lora_weights \"{InitLoraWeights}\" is none of true, false, \"gaussian\". A start computed from weights or data is not read here.";
    }

    /// <inheritdoc/>
    protected internal override Adapter? Create(Site site, Construction construction)
    {
        var rank = ModuleExpression.KeyFor("rank_pattern", RankPattern, site, construction.IsSaved) is { } r ? RankPattern[r] : Rank;
        var alpha = ModuleExpression.KeyFor("alpha_pattern", AlphaPattern, site, construction.IsSaved) is { } a ? AlphaPattern[a] : Alpha;
        construction.RefuseRank(rank, Math.Min(site.Host.InFeatures, site.Host.OutFeatures), $"the module's {site.Host.InFeatures} → {site.Host.OutFeatures} can use");
        return site.Host switch
        {
            Linear => new LowRank(site.Host, this, rank, alpha),
            Embedding when LoraBias => throw new NotSupportedException("lora_bias has no meaning for an embedding. Leave it out of target_modules, or lora_bias away."),
            Embedding => new LowRankTable(site.Host, this, rank, alpha),
            _ => throw new NotSupportedException($"LoRA adapts linear modules and embeddings, not {site.Host.GetType().Name}. Leave it out of target_modules."),
        };
    }

    // PEFT compares the word in lower case.
    private bool IsGaussian => "gaussian".Equals(InitLoraWeights, StringComparison.OrdinalIgnoreCase);

    private double Scale(int rank, double alpha) => alpha / (UseRslora ? Math.Sqrt(rank) : rank);

    private sealed class LowRank : Adapter
    {
        [ComponentName(Name = "lora_A.weight")] private readonly Parameter a; // (r, in)
        [ComponentName(Name = "lora_B.weight")] private readonly Parameter b; // (out, r)
        [ComponentName(Name = "lora_B.bias")] private readonly Parameter? bias;
        private readonly double scale, loraAlpha, dropout;

        public LowRank(Adaptable host, LoraConfig config, int rank, double alpha) : base(nameof(LowRank))
        {
            (scale, loraAlpha, dropout) = (config.Scale(rank, alpha), config.UseRslora ? alpha * Math.Sqrt(rank) : alpha, config.Dropout);
            a = new Parameter(empty(rank, host.InFeatures));
            b = new Parameter(zeros(host.OutFeatures, rank));
            if (config.LoraBias) bias = new Parameter(zeros(host.OutFeatures));
            if (config.IsGaussian) nn.init.normal_(a, 0, 1.0 / rank);
            else nn.init.kaiming_uniform_(a, a: Math.Sqrt(5));
            if (config.InitLoraWeights == "false") nn.init.kaiming_uniform_(b, a: Math.Sqrt(5));
            RegisterComponents();
        }

        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            var y = rest.Forward(x);
            var kept = dropout > 0 && training ? nn.functional.dropout(x, dropout) : x;
            var inner = kept.reshape(-1, host.InFeatures).mm(a.t());
            if (bias is not null) y = y + bias * scale;
            return addmm(y.reshape(-1, host.OutFeatures), inner, b.t(), 1, (float)scale).reshape(y.shape).MoveToOuterDisposeScope();
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host)
        {
            var changes = new Dictionary<string, Tensor> { ["weight"] = b.mm(a).mul(scale) };
            if (bias is not null) changes["bias"] = bias.mul(scale);
            return changes;
        }

        public override LowRankPair? AsLowRank(Adaptable host) => bias is null ? new LowRankPair(a, b, loraAlpha) : null;
    }

    private sealed class LowRankTable : Adapter
    {
        [ComponentName(Name = "lora_embedding_A")] private readonly Parameter a; // (r, ids)
        [ComponentName(Name = "lora_embedding_B")] private readonly Parameter b; // (width, r)
        private readonly double scale;

        public LowRankTable(Adaptable host, LoraConfig config, int rank, double alpha) : base(nameof(LowRankTable))
        {
            scale = config.Scale(rank, alpha);
            a = new Parameter(config.InitLoraWeights == "false" ? randn(rank, host.InFeatures) : zeros(rank, host.InFeatures));
            b = new Parameter(randn(host.OutFeatures, rank));
            RegisterComponents();
        }

        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            return (rest.Forward(x) + Embedding.Lookup(a.t(), x).matmul(b.t()) * scale).MoveToOuterDisposeScope();
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host) => new Dictionary<string, Tensor> { ["weight"] = b.mm(a).t().mul(scale) };

        public override long MultiplicationsPerToken(Adaptable host) => b.numel();
    }
}
