using Weft.Checkpoints;
using Weft.Nn;
using static TorchSharp.torch;

namespace Weft.Cli.Verification;

/// <summary>The inputs of every run: prefixes that have <c>input_ids</c> in one file.</summary>
internal sealed class RunInputs
{
    private const string Ids = "input_ids", Mask = "attention_mask", Positions = "position_ids", Labels = "labels";
    private static readonly string[] known = [Ids, Mask, Positions, Labels];

    private readonly Checkpoint file;
    private readonly long vocabulary;

    /// <summary>The runs of a file.</summary>
    /// <param name="file">The opened inputs; it must live as long as this.</param>
    /// <param name="vocabulary">How many ids the model knows.</param>
    public RunInputs(Checkpoint file, long vocabulary)
    {
        (this.file, this.vocabulary) = (file, vocabulary);
        Names = [.. file.Tensors.Keys.Where(k => k == Ids || k.EndsWith($".{Ids}", StringComparison.Ordinal)).Select(k => k == Ids ? "" : k[..^(Ids.Length + 1)])];
    }

    /// <summary>The prefixes, the empty one among them where there is an input without.</summary>
    public IReadOnlyCollection<string> Names { get; }

    /// <summary>The inputs of a run.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <returns>Tensors that belong to the caller's dispose scope.</returns>
    /// <exception cref="InvalidDataException">An id is outside the model's vocabulary; everything wrong is listed.</exception>
    public ModelRun Of(string name)
    {
        var own = file.Tensors.Keys.Where(k => Owner(k) == name).Select(k => name.Length == 0 ? k : k[(name.Length + 1)..]).ToList();
        var foreign = own.Where(k => !known.Contains(k)).ToList();
        var ids = file.Tensors[Full(name, Ids)];
        var whyNot = foreign.Count > 0
            ? $"its inputs hold {string.Join(", ", foreign.Take(3))}{(foreign.Count > 3 ? $" and {foreign.Count - 3} more" : "")}, which {(foreign.Count == 1 ? "is no input" : "are no inputs")} of the model (those are {string.Join(", ", known)})"
            : ids.Shape.Count != 2 || ids.Shape.Contains(0) ? $"its input_ids have shape ({string.Join(", ", ids.Shape)}), and a model is called with (batch, tokens)" : null;
        return whyNot is null ? Read(name) : new ModelRun(name, null, null, whyNot);
    }

    private ModelRun Read(string name)
    {
        var (problems, foreignIds) = (new List<string>(), new List<string>());
        var ids = Integers(name, Ids, problems)!;
        var (mask, positions, labels) = (Integers(name, Mask, problems), Integers(name, Positions, problems), Integers(name, Labels, problems));
        foreach (var (what, tensor) in new[] { (Mask, mask), (Labels, labels), (Positions, positions) })
            if (tensor is not null && !tensor.shape.SequenceEqual(ids.shape) && !(what == Positions && tensor.shape.SequenceEqual([1, ids.shape[1]])))
                problems.Add($"{Full(name, what)}: ({string.Join(", ", tensor.shape)}) for ({string.Join(", ", ids.shape)}) of {Ids}");
        Within(ids, Full(name, Ids), foreignIds);
        if (labels is not null && labels.numel() > 0) Within(labels.masked_fill(labels.eq(CausalLoss.Ignored), 0), Full(name, Labels), foreignIds);
        if (foreignIds.Count > 0) throw new InvalidDataException($"{file.Path} does not hold inputs of this model:\n{string.Join('\n', foreignIds.Concat(problems).Select(p => $"  {p}"))}");
        return problems.Count > 0 ? new ModelRun(name, null, null, string.Join("; ", problems)) : new ModelRun(name, new TokenInput(ids, mask, positions), labels, null);
    }

    private void Within(Tensor ids, string name, List<string> problems)
    {
        var (least, most) = (ids.min().item<long>(), ids.max().item<long>());
        if (least < 0 || most >= vocabulary) problems.Add($"{name}: {(least < 0 ? least : most)} is no id of a vocabulary of {vocabulary}");
    }

    private Tensor? Integers(string run, string name, List<string> problems)
    {
        if (!file.Tensors.ContainsKey(Full(run, name))) return null;
        var tensor = file.Read(Full(run, name));
        if (tensor.is_floating_point() && name != Mask) problems.Add($"{Full(run, name)}: {tensor.dtype} for integers");
        return (name == Mask ? tensor.ne(0) : tensor).to(ScalarType.Int64);
    }

    // The run with the longest prefix; what has none belongs to the run without.
    private string Owner(string key) => Names.Where(n => n.Length > 0 && key.StartsWith($"{n}.", StringComparison.Ordinal)).MaxBy(n => n.Length) ?? "";

    private static string Full(string run, string name) => run.Length == 0 ? name : $"{run}.{name}";
}
