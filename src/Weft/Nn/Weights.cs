using System.Globalization;
using Weft.Adapters;
using Weft.Checkpoints;

namespace Weft.Nn;

/// <summary>Where the parts of a model take their tensors from: an opened checkpoint, a random start, or shapes alone.</summary>
/// <remarks>Parts ask by local name below the scope they were given; what is missing, of another shape or left over is collected and refused at once by <see cref="Finish"/>.</remarks>
public sealed class Weights
{
    private readonly State state;
    private readonly string scope;

    private Weights(State state, string scope) => (this.state, this.scope) = (state, scope);

    /// <summary>Path of this scope: <c>model.layers.0.self_attn</c>; empty at the top.</summary>
    public string Path => scope;

    /// <summary>Every tensor taken so far, tied ones included, in order.</summary>
    public IReadOnlyList<BaseTensor> Taken => state.Taken;

    /// <summary>The tensors of a checkpoint.</summary>
    /// <param name="checkpoint">The opened checkpoint; it must live as long as the model.</param>
    /// <param name="matrices">float32 or bfloat16: what matrices are held in. Vectors (norms, biases) are held in float32.</param>
    public static Weights From(Checkpoint checkpoint, ScalarType matrices) => new(new State { Checkpoint = checkpoint, Matrices = matrices }, "");

    /// <summary>A random start: matrices normal with a standard deviation, norms one, biases zero, from torch's generator.</summary>
    /// <param name="standardDeviation">Of every matrix.</param>
    /// <param name="matrices">float32 or bfloat16: what matrices are held in.</param>
    public static Weights Random(double standardDeviation, ScalarType matrices = ScalarType.Float32) => new(new State { Deviation = standardDeviation, Matrices = matrices }, "");

    /// <summary>Shapes without numbers, to count and plan a model that would not fit.</summary>
    public static Weights Shapes() => new(new State { Device = META }, "");

    /// <summary>The scope below this one.</summary>
    public Weights At(string name) => new(state, Join(name));

    /// <summary>Whether the checkpoint has a tensor of that name; a random start and shapes alone have whatever is asked for.</summary>
    public bool Has(string name) => state.Checkpoint?.Tensors.ContainsKey(Join(name)) ?? true;

    /// <summary>Whether the tensors come from a checkpoint.</summary>
    public bool AreRead => state.Checkpoint is not null;

    /// <summary>The checkpoint that the tensors come from, or null.</summary>
    internal Checkpoint? Checkpoint => state.Checkpoint;

    /// <summary>How many scopes <c>name.0</c>, <c>name.1</c>, … the checkpoint's names speak of: the highest index and 1; null where there is no checkpoint.</summary>
    internal long? CountOf(string name)
    {
        var start = $"{Join(name)}.";
        return state.Checkpoint?.Tensors.Keys.Where(k => k.StartsWith(start, StringComparison.Ordinal))
            .Select(k => int.TryParse(k.AsSpan(start.Length, Math.Max(0, k.IndexOf('.', start.Length) - start.Length)), NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index + 1L : 0)
            .DefaultIfEmpty().Max();
    }

    /// <summary>Whether the checkpoint holds, under this name, the very numbers of another tensor.</summary>
    internal bool Repeats(string name, BaseTensor other)
    {
        if (state.Checkpoint is not { } file || !file.Tensors.TryGetValue(Join(name), out var copy) || !file.Tensors.TryGetValue(other.Key, out var first)) return false;
        if (copy.Kind != first.Kind || !copy.Shape.SequenceEqual(first.Shape)) return false;
        using var scope = NewDisposeScope();
        return file.Read(Join(name)).Equals(file.Read(other.Key));
    }

    /// <summary>A matrix, held in the precision of matrices.</summary>
    public BaseTensor Matrix(string name, params long[] shape) => Take(name, state.Matrices, s => state.Deviation == 0 ? empty(s, device: state.Device) : randn(s).mul_(state.Deviation).to(state.Matrices), shape);

    /// <summary>A vector that scales, held in float32; a random start gives ones.</summary>
    public BaseTensor Scale(string name, params long[] shape) => Take(name, ScalarType.Float32, s => ones(s, device: state.Device), shape);

    /// <summary>A vector that is added, held in float32; a random start gives zeros.</summary>
    public BaseTensor Shift(string name, params long[] shape) => Take(name, ScalarType.Float32, s => zeros(s, device: state.Device), shape);

    /// <summary>A tensor that is another one; the checkpoint need not hold it.</summary>
    public BaseTensor Tied(string name, BaseTensor to)
    {
        state.Asked.Add(Join(name));
        var tensor = new BaseTensor(Join(name), to);
        state.Taken.Add(tensor);
        return tensor;
    }

    /// <summary>Refuses a checkpoint that does not hold exactly what the model took.</summary>
    /// <param name="ignored">Whether a left-over tensor is known to be needless (old rotary tables).</param>
    /// <exception cref="InvalidDataException">Tensors are missing, have another shape, or are left over; every one is listed.</exception>
    public void Finish(Func<string, bool>? ignored = null)
    {
        if (state.Checkpoint is null) return;
        var taken = state.Taken.Where(t => t.TiedTo is null).Select(t => t.Key).ToHashSet();
        var over = state.Checkpoint.Tensors.Keys.Where(k => !taken.Contains(k) && !state.Asked.Contains(k) && ignored?.Invoke(k) != true)
            .Select(k => $"{k}: the model has no such tensor");
        var problems = new Problems($"{state.Checkpoint.Path} does not hold the tensors its config describes");
        foreach (var problem in state.Problems.Concat(over)) problems.Add(problem);
        if (!problems.Any) return;
        foreach (var tensor in state.Taken) tensor.Dispose();
        throw problems.ToException();
    }

    private BaseTensor Take(string name, ScalarType type, Func<long[], Tensor> start, long[] shape)
    {
        var key = Join(name);
        state.Asked.Add(key);
        using var temporaries = NewDisposeScope(); // what reading makes on the way may lie over the file and would keep it mapped
        using var _ = no_grad();
        Tensor? value = null;
        Func<Tensor>? original = null;
        if (state.Checkpoint is { } file)
        {
            if (!file.Tensors.TryGetValue(key, out var entry)) state.Problems.Add($"{key}: missing");
            else if (entry.Kind is "BOOL" or "C64" or ['I' or 'U', >= '0' and <= '9', ..]) state.Problems.Add($"{key}: stored as {entry.Kind}, and weights are floating-point numbers");
            else if (!entry.Shape.SequenceEqual(shape)) state.Problems.Add($"{key}: ({string.Join(", ", entry.Shape)}) for ({string.Join(", ", shape)})");
            else
            {
                value = file.Read(key, type);
                original = () => file.Read(key);
            }
        }
        else
        {
            value = start(shape);
        }
        var tensor = new BaseTensor(key, value ?? empty(shape, device: META), original);
        state.Taken.Add(tensor);
        return tensor;
    }

    private string Join(string name) => scope.Length == 0 ? name : $"{scope}.{name}";

    private sealed class State
    {
        public Checkpoint? Checkpoint { get; init; }

        public ScalarType Matrices { get; init; } = ScalarType.Float32;

        public double Deviation { get; init; }

        public Device Device { get; init; } = CPU;

        public List<BaseTensor> Taken { get; } = [];

        public HashSet<string> Asked { get; } = [];

        public List<string> Problems { get; } = [];
    }
}
