using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using TorchSharp.Utils;
using Weft.Adapters;
using Weft.Nn;

namespace Weft.Methods;

/// <summary>WeGeFT: the change of a weight is generated from the weight.</summary>
/// <remarks>
/// <code>
/// W′ = W (I + s Φ Ψ)        W (out, in) frozen,  Φ (in, r),  Ψ (r, in),  s = α / r or α / √r,  Φ = 0 at the start
/// W′x = W (x + s Φ Ψ x)                          so the forward pass edits x and never forms W′
/// output side: y′ = (I + s Φ Ψ)(W x + b)         Φ (out, r),  Ψ (r, out)
/// </code>
/// One pair (Φ, Ψ) serves all layers of a module type (2·in·r numbers), or one module, or any group of equal widths.
/// Savadikar, Song, Wu, ICML 2025. Files as the authors' release writes them: both factors (r, in), under the first adapted module of a group.
/// </remarks>
[PeftMethod("WeGeFT", Paper = "https://arxiv.org/abs/2312.00700")]
public sealed record WegeftConfig : PeftConfig
{
    /// <summary>r, the rank of Φ Ψ.</summary>
    [JsonPropertyName("r")] public int Rank { get; init; } = 8;

    /// <summary>α; the change is scaled by α / r.</summary>
    [JsonPropertyName("wegeft_alpha"), JsonConverter(typeof(WholeOrFloat))] public double Alpha { get; init; } = 8;

    /// <summary>Chance that a number of the frozen weight is dropped on its way into Φ while training; null or 0 for none.</summary>
    [JsonPropertyName("wegeft_dropout")] public double? Dropout { get; init; }

    /// <summary>Side that is edited, by the last part of a module's path: <c>input</c> or <c>output</c>; one word for all is allowed.</summary>
    [JsonConverter(typeof(WegeftSides))] public IReadOnlyDictionary<string, string> TransformDim { get; init => field = value ?? new Dictionary<string, string>(); } = new Dictionary<string, string>();

    /// <summary>Groups of modules that hold one pair in common, each a list of expressions matched from the start of the path; null leaves it to <see cref="Sharing"/>.</summary>
    public IReadOnlyList<IReadOnlyList<string>>? TiedModules { get; init; }

    /// <summary>Who shares a pair where <see cref="TiedModules"/> does not say: <c>type</c> (all layers of a module type), <c>module</c> (nobody), <c>layer</c> (equal widths within a layer), <c>global</c>.</summary>
    public string Sharing { get; init; } = "type";

    /// <summary>Ranks that differ, by name or expression for the end of a module's path.</summary>
    public IReadOnlyDictionary<string, int> RankPattern { get; init => field = value ?? new Dictionary<string, int>(); } = new Dictionary<string, int>();

    /// <summary>Alphas that differ; as in the release, a key acts only where it also stands in <see cref="RankPattern"/> or is a module's whole path.</summary>
    [JsonConverter(typeof(NumbersByPattern))] public IReadOnlyDictionary<string, double> AlphaPattern { get; init => field = value ?? new Dictionary<string, double>(); } = new Dictionary<string, double>();

    /// <summary>Whether one factor starts at zero, so that training starts from the base.</summary>
    public bool InitWegeftWeights { get; init; } = true;

    /// <summary>The factor that starts at zero: <c>phi</c> (the release) or <c>psi</c> (the older GIFT code).</summary>
    public string ZeroInit { get; init; } = "phi";

    /// <summary>Whether the change is scaled by α / √r.</summary>
    public bool UseRslora { get; init; }

    /// <summary>Tokens whose input is edited, <c>f2+l2</c> for the first and last two of the prompt, or of a document that has none; null for all. Not mergeable.</summary>
    public string? Positions { get; init; }

    /// <summary>Fused projections: for the last part of a path, the pair of each of its equal row slices; null leaves a slice alone, one name twice is one pair.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string?>> Slices { get; init => field = value ?? new Dictionary<string, IReadOnlyList<string?>>(); } = new Dictionary<string, IReadOnlyList<string?>>();

    /// <inheritdoc/>
    protected internal override string BiasOfAdapted => "wegeft_only";

    /// <inheritdoc/>
    protected internal override bool StoresBiases => false;

    /// <inheritdoc/>
    protected internal override IEnumerable<(string, string, bool)> Patterns =>
        RankPattern.Keys.Select(k => ("rank_pattern", k, false)).Concat(AlphaPattern.Keys.Select(k => ("alpha_pattern", k, false)))
            .Concat(TransformDim.Keys.Where(k => k != "*").Select(k => ("transform_dim", k, false))).Concat(Slices.Keys.Select(k => ("slices", k, false)))
            .Concat((TiedModules ?? []).SelectMany(g => g).Select(e => ("tied_modules", e, true)));

    /// <inheritdoc/>
    protected internal override bool StartsAtBase => InitWegeftWeights;

    /// <inheritdoc/>
    protected internal override string NewFile => """
        {"alpha_pattern":{},"auto_mapping":null,"base_model_name_or_path":"","bias":"none","fan_in_fan_out":false,"inference_mode":true,"init_wegeft_weights":true,
        "layers_pattern":null,"layers_to_transform":null,"modules_to_save":null,"r":8,"rank_pattern":{},"revision":null,"target_modules":null,
        "task_type":"CAUSAL_LM","tied_modules":null,"transform_dim":{},"wegeft_alpha":8,"wegeft_dropout":null}
        """;

    /// <inheritdoc/>
    protected internal override IEnumerable<string> Problems()
    {
        if (Rank < 1) yield return $"r is {Rank}; a rank is at least 1.";
        foreach (var (pattern, rank) in RankPattern.Where(p => p.Value < 1)) yield return $"rank_pattern \"{pattern}\" is {rank}; a rank is at least 1.";
        if (Dropout is < 0 or >= 1) yield return $"wegeft_dropout is {Dropout}; it lies in [0, 1).";
        foreach (var (module, side) in TransformDim.Where(d => d.Value is not ("input" or "output"))) yield return $"transform_dim of {module} is \"{side}\"; it is input or output.";
        if (Sharing is not ("type" or "module" or "layer" or "global")) yield return $"sharing \"{Sharing}\" is none of type, module, layer, global. Groups of your own are tied_modules.";
        if (ZeroInit is not ("phi" or "psi")) yield return $"zero_init \"{ZeroInit}\" is neither phi nor psi.";
        if (TiedModules is not null && Sharing != "type") yield return $"sharing \"{Sharing}\" and tied_modules both say who shares a pair. Give one of them.";
        foreach (var (module, _) in Slices.Where(s => s.Value?.OfType<string>().Any() != true)) yield return $"slices of {module} name no pair, so nothing there would be trained. Name one, or leave {module} out of target_modules.";
        if (Slices.Count > 0 && (Positions is not null || Dropout > 0)) yield return "slices go with neither positions nor wegeft_dropout.";
        if (TransformDim.Values.Contains("output") && (Positions is not null || Dropout > 0)) yield return "transform_dim output goes with neither positions nor wegeft_dropout.";
        if (Positions is not null && Dropout > 0) yield return "positions and wegeft_dropout exclude each other: dropout acts on the weight, which has no tokens.";
        if (Positions is not null && TokenPositions.Problem(Positions) is { } problem) yield return problem;
    }

    /// <inheritdoc/>
    protected internal override PeftConfig ResolvedFor(IReadOnlyList<Site> sites)
    {
        if (sites.Count == 0) return this;
        var targets = TargetModules is { IsAllLinear: true } ? new Targets([.. sites.Select(s => s.LocalName).Distinct().Order(StringComparer.Ordinal)]) : TargetModules;
        return this with
        {
            TargetModules = targets,
            TiedModules = TiedModules ?? Groups(sites),
            // Keys that name no module stay, for Create to refuse.
            TransformDim = sites.Select(s => s.LocalName).Concat(TransformDim.Keys.Where(k => k != "*")).Distinct().ToDictionary(n => n, Side),
            Sharing = "type", // said by tied_modules from here on
        };
    }

    /// <inheritdoc/>
    protected internal override Adapter? Create(Site site, Construction construction)
    {
        if (site.Host is not Linear linear) throw new NotSupportedException($"WeGeFT adapts linear modules, not {site.Host.GetType().Name}. Leave it out of target_modules.");
        if (Positions is not null && site.Role == SiteRole.Head) throw new NotSupportedException("positions count the tokens of a row, and the head sees only those it predicts from. Leave it out of target_modules, or positions away.");
        var isOutput = Side(site.LocalName) == "output";
        var width = isOutput ? linear.OutFeatures : linear.InFeatures;
        var key = ModuleExpression.KeyFor("rank_pattern", RankPattern, site, construction.IsSaved);
        var rank = key is null ? Rank : RankPattern[key];
        var alpha = AlphaPattern.TryGetValue(key ?? site.Name, out var own) ? own : Alpha;
        construction.RefuseRank(rank, width, $"the {width} features it edits");
        if (!construction.IsSaved) RefuseInert(site, rank, alpha);
        var group = Group(site.Name) ?? site.Name;
        if (Slices.TryGetValue(site.LocalName, out var slices))
        {
            if (isOutput) throw new NotSupportedException("slices edit the input side; transform_dim output has no slices.");
            if (linear.OutFeatures % slices.Count != 0) throw new ArgumentException($"{slices.Count} slices do not divide its {linear.OutFeatures} rows.");
            var pairs = slices.OfType<string>().Distinct().ToDictionary(n => n, n => Pair($"{group}/{n}"));
            return new SlicedEdit(pairs, slices);
        }
        return isOutput ? new OutputEdit(Pair(group)) : new InputEdit(Pair(group), this);

        WegeftPair Pair(string name)
        {
            var pair = construction.Shared(name, site, () => new WegeftPair(rank, width, alpha, UseRslora, InitWegeftWeights, ZeroInit), out var owner);
            if (pair.Width != width)
                throw new ArgumentException($"it edits {width} features, and {owner}, whose pair it shares, {pair.Width}. A pair serves equal widths only: group them apart.");
            if (pair.Rank != rank)
                throw new ArgumentException($"its rank is {rank}, and that of {owner}, whose pair it shares, {pair.Rank}. Give a group one rank.");
            if (pair.Alpha != alpha)
                throw new ArgumentException($"its α is {alpha}, and that of {owner}, whose pair it shares, {pair.Alpha}. Give a group one α.");
            pair.ServesTogether |= owner != site.Name && ModulePath.Parent(owner) == site.Parent || pair.LastParent == site.Parent;
            pair.LastParent = site.Parent;
            return pair;
        }
    }

    // Keys that match the site and yet say nothing of it, because the release looks them up otherwise.
    private void RefuseInert(Site site, int rank, double alpha)
    {
        if (AlphaPattern.Keys.FirstOrDefault(k => AlphaPattern[k] != alpha && site.Names.Any(ModuleExpression.End(k).IsMatch)) is { } inert)
            throw new ArgumentException($"alpha_pattern \"{inert}\" {AlphaPattern[inert]} does not act, its α is {alpha}: a key acts where it is also the module's key in rank_pattern, or is a whole path that rank_pattern does not match. Give rank_pattern \"{inert}\": {rank} too.");
        foreach (var (option, keys) in new[] { ("transform_dim", TransformDim.Keys), ("slices", Slices.Keys) })
            if (keys.FirstOrDefault(k => k != site.LocalName && k != "*" && site.Names.Any(ModuleExpression.End(k).IsMatch)) is { } longer)
                throw new ArgumentException($"{option} \"{longer}\" does not act: a key is the last part of a path, here {site.LocalName}.");
    }

    private string Side(string module) => TransformDim.TryGetValue(module, out var side) || TransformDim.TryGetValue("*", out side) ? side : "input";

    // The index of the first group one of whose expressions matches from the start of the path.
    private string? Group(string name)
    {
        for (var i = 0; i < (TiedModules?.Count ?? 0); i++)
            if (TiedModules![i].Any(e => ModuleExpression.Start(e).IsMatch(name))) return $"group {i}";
        return null;
    }

    private IReadOnlyList<IReadOnlyList<string>> Groups(IReadOnlyList<Site> sites)
    {
        static string Any(Site site) => site.Layer is null ? Regex.Escape(site.Name) : Regex.Escape($"{site.Name}.").Replace($@"\.{site.Layer}\.", @"\.\d+\.", StringComparison.Ordinal)[..^2];
        long Width(Site site) => Side(site.LocalName) == "output" ? site.Host.OutFeatures : site.Host.InFeatures;
        var groups = Sharing switch
        {
            "type" => sites.GroupBy(Any, Any),
            "layer" => sites.GroupBy(s => $"{s.Layer} {Width(s)}", s => Regex.Escape(s.Name) + "$"),
            "global" => sites.GroupBy(s => $"{Width(s)}", Any),
            _ => sites.GroupBy(s => s.LocalName, s => s.LocalName), // matches no whole path, so each module owns its pair, as in the release
        };
        return [.. groups.Select(g => (IReadOnlyList<string>)[.. g.Distinct()])];
    }

    private sealed class InputEdit : Adapter
    {
        [ComponentName(Name = "wegeft_phi")] private readonly WegeftFactor phi;
        [ComponentName(Name = "wegeft_psi")] private readonly WegeftFactor psi;
        private readonly WegeftPair pair;
        private readonly double dropout;
        private readonly TokenPositions? positions;

        public InputEdit(WegeftPair pair, WegeftConfig config) : base(nameof(InputEdit))
        {
            (this.pair, phi, psi) = (pair, pair.Phi, pair.Psi);
            (dropout, positions) = (config.Dropout ?? 0, config.Positions is null ? null : TokenPositions.Parse(config.Positions));
            RegisterComponents();
        }

        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            var drops = dropout > 0 && training;
            if (rest.IsAlone && !drops)
            {
                return host.Base(pair.Edit(x, Mask(x))).MoveToOuterDisposeScope();
            }
            // Beside other adapters, or with dropout on the weight: y + s (x Ψ)(W Φ)ᵀ, the same function as a low-rank pair.
            var w = ((Linear)host).Weight.to(phi.Weight.dtype);
            if (drops) w = WegeftDropout.Mask?.Invoke(host) is { } kept ? w * kept / (1 - dropout) : nn.functional.dropout(w, dropout);
            var inner = x.matmul(psi.Weight.t());
            if (Mask(x) is { } mask) inner = inner * mask;
            return (rest.Forward(x) + inner.matmul(w.matmul(phi.Weight.t()).t()) * pair.Scale).MoveToOuterDisposeScope();
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host)
        {
            if (positions is not null) throw new NotSupportedException($"positions \"{positions.Text}\" edits some tokens only, which no weight can say. Keep the adapter.");
            return new Dictionary<string, Tensor> { ["weight"] = pair.Residual(((Linear)host).Weight) };
        }

        public override IReadOnlyDictionary<string, Tensor> Unmerged(Adaptable host, IReadOnlyDictionary<string, Tensor> merged) =>
            new Dictionary<string, Tensor> { ["weight"] = pair.WithoutInputEdit(merged["weight"]) };

        private Tensor? Mask(Tensor x) => positions is null ? null
            : Call.Current is { } call ? call.Selected(positions, x.shape[0], x.shape[1]) : new Call().Select(positions, x.shape[0], x.shape[1]);

        public override LowRankPair? AsLowRank(Adaptable host) =>
            positions is null ? new LowRankPair(psi.Weight, ((Linear)host).Weight.to(phi.Weight.dtype).mm(phi.Weight.t()), pair.LoraAlpha) : null;

        public override long MultiplicationsPerToken(Adaptable host) => 2 * pair.Rank * pair.Width;
    }

    private sealed class OutputEdit : Adapter
    {
        [ComponentName(Name = "wegeft_phi")] private readonly WegeftFactor phi;
        [ComponentName(Name = "wegeft_psi")] private readonly WegeftFactor psi;
        private readonly WegeftPair pair;

        public OutputEdit(WegeftPair pair) : base(nameof(OutputEdit))
        {
            (this.pair, phi, psi) = (pair, pair.Phi, pair.Psi);
            RegisterComponents();
        }

        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            if (rest.IsAlone) return pair.Edit(host.Base(x), null).MoveToOuterDisposeScope();
            return (rest.Forward(x) + host.Base(x).matmul(psi.Weight.t()).matmul(phi.Weight) * pair.Scale).MoveToOuterDisposeScope();
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host)
        {
            var linear = (Linear)host;
            var edit = phi.Weight.t().mm(psi.Weight).mul(pair.Scale); // s Φ Ψ, (out, out)
            var changes = new Dictionary<string, Tensor> { ["weight"] = edit.mm(linear.Weight.to(edit.dtype)) };
            if (linear.Bias is { } bias) changes["bias"] = edit.mv(bias.to(edit.dtype));
            return changes;
        }

        public override IReadOnlyDictionary<string, Tensor> Unmerged(Adaptable host, IReadOnlyDictionary<string, Tensor> merged) =>
            merged.ToDictionary(m => m.Key, m => pair.WithoutOutputEdit(m.Value));

        public override LowRankPair? AsLowRank(Adaptable host) => ((Linear)host).Bias is null
            ? new LowRankPair(psi.Weight.mm(((Linear)host).Weight.to(psi.Weight.dtype)), phi.Weight.t(), pair.LoraAlpha)
            : null;

        public override long MultiplicationsPerToken(Adaptable host) => 2 * pair.Rank * pair.Width;
    }

    private sealed class SlicedEdit : Adapter
    {
        private readonly IReadOnlyDictionary<string, WegeftPair> pairs;
        private readonly IReadOnlyList<string?> slices;

        public SlicedEdit(IReadOnlyDictionary<string, WegeftPair> pairs, IReadOnlyList<string?> slices) : base(nameof(SlicedEdit))
        {
            (this.pairs, this.slices) = (pairs, slices);
            foreach (var (name, pair) in pairs) register_module(name, pair);
        }

        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            var linear = (Linear)host;
            var rows = linear.OutFeatures / slices.Count;
            var edits = pairs.ToDictionary(p => p.Key, p => rest.IsAlone ? p.Value.Edit(x, null) : p.Value.Edit(x, null) - x);
            var parts = slices.Select((name, i) => name is null
                ? rest.IsAlone ? linear.Rows(x, i * rows, rows, withBias: true) : zeros([.. x.shape[..^1], rows])
                : linear.Rows(edits[name], i * rows, rows, withBias: rest.IsAlone));
            var y = cat([.. parts], -1);
            return (rest.IsAlone ? y : rest.Forward(x) + y).MoveToOuterDisposeScope();
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host) =>
            new Dictionary<string, Tensor> { ["weight"] = BySlice(((Linear)host).Weight, (pair, w) => pair.Residual(w), w => zeros(w.shape, dtype: pairs.Values.First().Phi.Weight.dtype)) };

        public override IReadOnlyDictionary<string, Tensor> Unmerged(Adaptable host, IReadOnlyDictionary<string, Tensor> merged) =>
            new Dictionary<string, Tensor> { ["weight"] = BySlice(merged["weight"], (pair, w) => pair.WithoutInputEdit(w), w => w) };

        // The pairs side by side: A stacks their Ψ, and the rows of B that a slice has are nonzero only in the columns of its pair.
        public override LowRankPair? AsLowRank(Adaptable host)
        {
            var names = pairs.Keys.ToList();
            Tensor Columns(string? slice, Tensor w) => cat([.. names.Select(n => n == slice ? w.to(pairs[n].Phi.Weight.dtype).mm(pairs[n].Phi.Weight.t()) : zeros(w.shape[0], pairs[n].Rank, dtype: pairs[n].Phi.Weight.dtype))], 1);
            var b = cat([.. ((Linear)host).Weight.chunk(slices.Count, 0).Select((w, i) => Columns(slices[i], w))], 0);
            return new LowRankPair(cat([.. names.Select(n => pairs[n].Psi.Weight)], 0), b, pairs[names[0]].Scale * b.shape[1]);
        }

        private Tensor BySlice(Tensor weight, Func<WegeftPair, Tensor, Tensor> edited, Func<Tensor, Tensor> untouched) =>
            cat([.. weight.chunk(slices.Count, 0).Select((w, i) => slices[i] is { } name ? edited(pairs[name], w) : untouched(w))], 0);
    }
}
