using Weft.Adapters;
using Weft.Nn;

namespace Weft.Training;

/// <summary>Adam with decoupled weight decay over all trained tensors, one fused call per group.</summary>
/// <remarks>
/// <code>
/// w ← w − η λ w
/// m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
/// w ← w − η · m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε)
/// </code>
/// η is the learning rate times the group's factor. A tensor without a gradient is left out whole: it does not decay and its t does not move.
/// Loshchilov and Hutter, ICLR 2019; equal to <c>torch.optim.AdamW</c>. State is float32 and is named <c>KEY.step</c>, <c>KEY.exp_avg</c>, <c>KEY.exp_avg_sq</c>.
/// </remarks>
public sealed class AdamW : IDisposable
{
    // A script that does not compile ends the process, so this is a constant that the tests run whole.
    private const string script = """
        def update(values: List[Tensor], gradients: List[Tensor], m: List[Tensor], v: List[Tensor], none: List[Tensor], steps: List[Tensor], rate: float, beta1: float, beta2: float, decay: float, eps: float):
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(values, gradients, m, v, none, steps, lr=rate, beta1=beta1, beta2=beta2, weight_decay=decay, eps=eps, amsgrad=False, maximize=False)
            return 0


        """;

    private static readonly TorchScript compiled = new(script);

    private readonly List<Group> groups = [];
    private readonly double beta1;
    private readonly double beta2;
    private readonly double epsilon;

    /// <summary>An optimizer at step 0.</summary>
    /// <param name="groups">What is trained.</param>
    /// <param name="beta1">β₁, how much of the mean gradient is kept at a step.</param>
    /// <param name="beta2">β₂, how much of the mean squared gradient is kept at a step.</param>
    /// <param name="epsilon">ε, added to the root of the mean square.</param>
    /// <param name="weightDecay">λ of the groups that decay.</param>
    /// <exception cref="ArgumentException">Nothing is trained, a tensor or a key stands there twice, or a tensor cannot be trained; all that is wrong is listed.</exception>
    public AdamW(IReadOnlyList<OptimizerGroup> groups, double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8, double weightDecay = 0)
    {
        Check(groups);
        (this.beta1, this.beta2, this.epsilon) = (beta1, beta2, epsilon);
        using var frozen = no_grad();
        foreach (var group in groups)
            this.groups.Add(new Group([.. group.Tensors.Select(t => new Entry(t.Key, t.Value))], group.RateFactor, group.Decays ? weightDecay : 0));
    }

    /// <summary>Everything the next step depends on besides the trained tensors themselves: names and the live tensors, not copies.</summary>
    public IEnumerable<(string Key, Tensor Value)> State =>
        from entry in Entries
        from part in entry.Parts
        select part;

    private IEnumerable<Entry> Entries => groups.SelectMany(g => g.Entries);

    /// <summary>Moves every tensor that has a gradient.</summary>
    /// <param name="learningRate">η before the factors of the groups.</param>
    public void Update(double learningRate)
    {
        foreach (var group in groups)
        {
            using var scope = NewDisposeScope();
            using var frozen = no_grad();
            var moved = new List<Entry>(group.Entries.Count);
            var gradients = new List<Tensor>(group.Entries.Count);
            foreach (var entry in group.Entries)
                if (entry.Value.grad is { } gradient)
                {
                    moved.Add(entry);
                    gradients.Add(gradient.is_contiguous() ? gradient : gradient.contiguous()); // the fused kernel walks memory, not axes
                }
            if (moved.Count == 0) continue;
            compiled.Invoke("update",
                Each(moved, e => e.Value), gradients.ToArray(), Each(moved, e => e.Mean), Each(moved, e => e.MeanSquare), Array.Empty<Tensor>(), Each(moved, e => e.Steps),
                learningRate * group.RateFactor, beta1, beta2, group.Decay, epsilon);
        }
    }

    /// <summary>Drops all gradients.</summary>
    public void ClearGradients()
    {
        foreach (var entry in Entries)
            if (entry.Value.grad is { } gradient)
            {
                gradient.Dispose();
                entry.Value.grad = null;
            }
    }

    /// <summary>Copies a saved state in.</summary>
    /// <param name="saved">Names and tensors as <see cref="State"/> gave them.</param>
    /// <exception cref="InvalidDataException">A name is missing or unexpected, or a shape or type differs; all are listed and nothing is changed.</exception>
    public void Load(IReadOnlyDictionary<string, Tensor> saved) => SavedTensors.CopyInto(State.ToList(), saved, "The optimizer's state");

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, value) in State) value.Dispose();
    }

    private static Tensor[] Each(List<Entry> entries, Func<Entry, Tensor> part)
    {
        var tensors = new Tensor[entries.Count];
        for (var i = 0; i < tensors.Length; i++) tensors[i] = part(entries[i]);
        return tensors;
    }

    private static void Check(IReadOnlyList<OptimizerGroup> groups)
    {
        var problems = new List<string>();
        var keys = new HashSet<string>(StringComparer.Ordinal);
        var handles = new HashSet<IntPtr>();
        foreach (var group in groups)
        {
            if (!double.IsFinite(group.RateFactor) || group.RateFactor < 0) problems.Add($"a group's rate factor is {group.RateFactor}; it must be a number, 0 or more");
            foreach (var (key, value) in group.Tensors)
            {
                if (!keys.Add(key)) problems.Add($"{key} is listed twice; it would be moved twice at every step");
                else if (!handles.Add(value.Handle)) problems.Add($"{key} is a tensor that is listed under another key as well; it would be moved twice at every step");
                if (value.dtype != float32) problems.Add($"{key} is {value.dtype}, training needs Float32; load the trained tensors in float32");
                if (!value.is_contiguous()) problems.Add($"{key} is not contiguous; train a contiguous copy");
                if (!value.requires_grad) problems.Add($"{key} does not require a gradient; set requires_grad or leave it out");
            }
        }
        if (keys.Count == 0) problems.Add("no tensor is trained; the adapters must have at least one");
        if (problems.Count > 0) throw new ArgumentException($"These tensors cannot be trained:\n  {string.Join("\n  ", problems)}");
    }

    private sealed record Group(List<Entry> Entries, double RateFactor, double Decay);

    private sealed class Entry
    {
        public Entry(string key, Parameter value)
        {
            Key = key;
            Value = value;
            Steps = zeros([], dtype: float32, device: value.device).DetachFromDisposeScope();
            Mean = zeros_like(value).DetachFromDisposeScope();
            MeanSquare = zeros_like(value).DetachFromDisposeScope();
        }

        public string Key { get; }

        public Parameter Value { get; }

        // t of this tensor, ()
        public Tensor Steps { get; }

        // m, of the tensor's shape
        public Tensor Mean { get; }

        // v, of the tensor's shape
        public Tensor MeanSquare { get; }

        public IEnumerable<(string, Tensor)> Parts => [($"{Key}.step", Steps), ($"{Key}.exp_avg", Mean), ($"{Key}.exp_avg_sq", MeanSquare)];
    }
}
