using TorchSharp.Utils;
using Weft.Adapters;
using Weft.Nn;

namespace Weft.Tests.Adapters;

/// <summary>The smallest adapter: y + v ⊙ y, with what a test wants to see of each call.</summary>
internal sealed class Scaling : Adapter
{
    [ComponentName(Name = "scale")] private readonly Parameter scale;
    private readonly Action<Tensor>? seen;

    public Scaling(long width, Action<Tensor>? seen = null, double start = 0) : base(nameof(Scaling))
    {
        this.seen = seen;
        scale = new Parameter(full(width, start));
        RegisterComponents();
    }

    public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
    {
        using var scope = NewDisposeScope();
        seen?.Invoke(x);
        var y = rest.Forward(x);
        return (y + y * scale).MoveToOuterDisposeScope();
    }

    public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host)
    {
        var weight = host.Tensors.Single(t => t.LocalName == "weight").Value;
        return new Dictionary<string, Tensor> { ["weight"] = weight.dim() == 2 ? weight * scale.unsqueeze(1) : weight * scale };
    }
}

/// <summary>Other adapters for other kinds of host: linear maps and norms are scaled, at the embedding nothing stands.</summary>
[PeftMethod("X_KINDS", Paper = "a test double")]
internal sealed record KindsConfig : PeftConfig
{
    protected internal override Adapter? Create(Site site, Construction construction) => site.Host switch
    {
        Linear or RmsNorm => new Scaling(site.Host.OutFeatures),
        Embedding => null,
        _ => throw new NotSupportedException($"nothing for {site.Host.GetType().Name}"),
    };
}

/// <summary>Tensors of the base that train and are no biases, a bare parameter among them.</summary>
[PeftMethod("X_BASE_VALUES", Paper = "a test double")]
internal sealed record BaseValuesConfig : PeftConfig
{
    protected internal override bool NeedsTargets => false;

    protected internal override bool Trains(BaseTensor tensor, bool isAdapted) => tensor.Key.EndsWith("norm.weight", StringComparison.Ordinal) || tensor.Module.Length == 0;

    protected internal override Adapter? Create(Site site, Construction construction) => null;
}

/// <summary>One frozen basis of the set, an integer index at each site, and optimiser groups with rates of their own.</summary>
[PeftMethod("X_SHARED", Paper = "a test double")]
internal sealed record SharedConfig : PeftConfig
{
    protected internal override Adapter? Create(Site site, Construction construction) =>
        new Picked(construction.OfWholeSet("basis", () => new Basis(site.Host.InFeatures)), site.Layer ?? 0, site.Host.OutFeatures);

    protected internal override IReadOnlyList<OptimizerGroup> Groups(IReadOnlyList<(string Key, Parameter Value)> tensors) =>
    [
        new(tensors.Where(t => !t.Key.EndsWith("out", StringComparison.Ordinal)).ToList(), Decays: false),
        new(tensors.Where(t => t.Key.EndsWith("out", StringComparison.Ordinal)).ToList(), RateFactor: 16),
    ];

    internal sealed class Basis : nn.Module
    {
        public Basis(long width) : base(nameof(Basis))
        {
            Rows = new Parameter(ones(4, width));
            register_parameter("rows", Rows);
            register_buffer("frozen", ones(2, width));
        }

        public Parameter Rows { get; }
    }

    private sealed class Picked : Adapter
    {
        private readonly Basis basis;
        private readonly Tensor index;
        private readonly Parameter output;

        public Picked(Basis basis, long index, long width) : base(nameof(Picked))
        {
            (this.basis, this.index, output) = (basis, tensor(new[] { index }), new Parameter(zeros(width, 1)));
            register_buffer("index", this.index);
            register_parameter("out", output);
        }

        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            return (rest.Forward(x) + x.matmul(basis.Rows.index_select(0, index).t()).matmul(output.t())).MoveToOuterDisposeScope();
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host) => new Dictionary<string, Tensor> { ["weight"] = output.mm(basis.Rows.index_select(0, index)) };
    }
}

/// <summary>A start that would change the base (PiSSA and its like): the first factors are kept frozen and subtracted, so the base stays what it is.</summary>
[PeftMethod("X_SUBTRACTED", Paper = "a test double")]
internal sealed record SubtractedConfig : PeftConfig
{
    /// <summary>Starting A by site, as a preparation measured them; null takes the weight's first rows.</summary>
    public IReadOnlyDictionary<string, Tensor>? Start { get; init; }

    protected internal override Adapter? Create(Site site, Construction construction) => new Factors((Linear)site.Host, Start?[site.Name]);

    private sealed class Factors : Adapter
    {
        private readonly Parameter a, b;
        private readonly Tensor a0, b0;

        public Factors(Linear host, Tensor? start) : base(nameof(Factors))
        {
            (a0, b0) = ((start ?? host.Weight.narrow(0, 0, 1)).clone(), host.Weight.narrow(1, 0, 1).clone());
            (a, b) = (new Parameter(a0.clone()), new Parameter(b0.clone()));
            register_parameter("a", a);
            register_parameter("b", b);
            register_buffer("a0", a0);
            register_buffer("b0", b0);
        }

        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            return (rest.Forward(x) + x.matmul(a.t()).matmul(b.t()) - x.matmul(a0.t()).matmul(b0.t())).MoveToOuterDisposeScope();
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host) => new Dictionary<string, Tensor> { ["weight"] = b.mm(a) - b0.mm(a0) };
    }
}

/// <summary>Adapters that watch: what enters a site, and the gradient of what leaves it. Preparations measure with them, site by site.</summary>
[PeftMethod("X_WATCH", Paper = "a test double")]
internal sealed record WatchConfig : PeftConfig
{
    public required Action<Site, Tensor, Tensor> Seen { get; init; }

    protected internal override Adapter? Create(Site site, Construction construction) => new Watch(site, Seen);

    private sealed class Watch(Site site, Action<Site, Tensor, Tensor> seen) : Adapter(nameof(Watch))
    {
        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            var input = x.requires_grad ? x : x.detach().requires_grad_();
            var kept = input.detach().clone().DetachFromDisposeScope();
            return Passed.apply(rest.Forward(input), (Action<Tensor>)(gradient => seen(site, kept, gradient))).MoveToOuterDisposeScope();
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host) => new Dictionary<string, Tensor>();
    }

    // The identity, whose backward pass is told the gradient.
    private sealed class Passed : autograd.SingleTensorFunction<Passed>
    {
        public override string Name => nameof(Passed);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            ctx.save_data("seen", vars[1]);
            return ((Tensor)vars[0]).clone();
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            ((Action<Tensor>)ctx.get_data("seen"))(grad_output);
            return [grad_output.alias(), null!];
        }
    }
}

/// <summary>Work around each update, with state that resumes: the smaller half of a vector is kept at zero.</summary>
[PeftMethod("X_PRUNED", Paper = "a test double")]
internal sealed record PrunedConfig : PeftConfig
{
    protected internal override Adapter? Create(Site site, Construction construction) => new Pruned(site.Host.OutFeatures);

    private sealed class Pruned : Adapter, IUpdates
    {
        private readonly Parameter scale;
        private readonly Tensor moment;

        public Pruned(long width) : base(nameof(Pruned))
        {
            (scale, moment) = (new Parameter(zeros(width)), zeros(width));
            register_parameter("scale", scale);
        }

        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            var y = rest.Forward(x);
            return (y + y * scale).MoveToOuterDisposeScope();
        }

        public void BeforeUpdate(long step, long total)
        {
            using var scope = NewDisposeScope();
            moment.mul_(0.5).add_(scale.grad!.abs());
        }

        public void AfterUpdate(long step, long total)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            scale.mul_(moment.ge(moment.median()));
        }

        public IEnumerable<(string Name, Tensor Value)> State() => [("moment", moment)];

        public void Restore(IReadOnlyDictionary<string, Tensor> state)
        {
            using var _ = no_grad();
            moment.copy_(state["moment"]);
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host) => new Dictionary<string, Tensor>();
    }
}

/// <summary>A host that is the identity: the join of a sublayer with its residual, a block's end, or the packed keys and values of attention.</summary>
internal sealed class Tap(long width) : Adaptable
{
    public override long InFeatures => width;

    public override long OutFeatures => width;

    public override Tensor Base(Tensor x) => x.alias();
}

/// <summary>Trained rows before those that are there: a prompt behind the embedding, a prefix before keys and values.</summary>
[PeftMethod("X_PREPENDED", Paper = "a test double")]
internal sealed record PrependedConfig : PeftConfig
{
    protected internal override Adapter? Create(Site site, Construction construction) => new Rows(site.Host.OutFeatures);

    private sealed class Rows : Adapter
    {
        private readonly Parameter rows;

        public Rows(long width) : base(nameof(Rows))
        {
            rows = new Parameter(randn(2, width));
            register_parameter("rows", rows);
        }

        public override Tensor Forward(Adaptable host, Tensor x, Rest rest)
        {
            using var scope = NewDisposeScope();
            var y = rest.Forward(x);
            return cat([rows.expand([.. y.shape[..^2], 2, y.shape[^1]]), y], -2).MoveToOuterDisposeScope();
        }

        public override IReadOnlyDictionary<string, Tensor> Changes(Adaptable host) => throw new NotSupportedException("rows are no weights");
    }
}
