namespace Weft.Adapters;

/// <summary>One tensor of the base model: the pretrained value and, while something trains or replaces it, the value that counts instead.</summary>
/// <remarks>
/// The pretrained value may lie over a memory-mapped file and is never written to. What trains it (a bias, a module of
/// modules_to_save, full fine-tuning) puts a copy of its own into <see cref="Override"/>; taking that out restores the base bit for bit.
/// </remarks>
public sealed class BaseTensor : IDisposable
{
    private Tensor? own;
    private Func<Tensor>? original;
    private byte[]? sample;

    /// <summary>A frozen tensor under its checkpoint key.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="pretrained">The value in the precision it is computed in.</param>
    /// <param name="original">Reads the value as the checkpoint holds it; null when <paramref name="pretrained"/> is that.</param>
    public BaseTensor(string key, Tensor pretrained, Func<Tensor>? original = null)
    {
        ArgumentNullException.ThrowIfNull(pretrained);
        (Key, this.original) = (key, original);
        own = pretrained.DetachFromDisposeScope();
    }

    /// <summary>A tensor that is the same as another one, such as an output head tied to the embedding. It is not in the checkpoint.</summary>
    public BaseTensor(string key, BaseTensor tiedTo)
    {
        ArgumentNullException.ThrowIfNull(tiedTo);
        (Key, TiedTo) = (key, tiedTo);
    }

    /// <summary>Its key in the checkpoint: <c>model.layers.0.self_attn.q_proj.weight</c>.</summary>
    public string Key { get; }

    /// <summary>The module it belongs to: the key without its last part.</summary>
    public string Module => ModulePath.Parent(Key);

    /// <summary>The last part of its key: <c>weight</c>.</summary>
    public string LocalName => ModulePath.Last(Key);

    /// <summary>The pretrained value.</summary>
    public Tensor Pretrained => own ?? TiedTo!.Pretrained;

    /// <summary>The pretrained value as the checkpoint holds it, whatever precision it was loaded in.</summary>
    private Tensor Original => original?.Invoke() ?? Pretrained;

    /// <summary>What is drawn from <see cref="Original"/> the first time, which may have to be unpacked from its file for it.</summary>
    internal byte[] Sample(Func<Tensor, byte[]> draw) => sample ??= draw(Original);

    /// <summary>The tensor it is tied to, or null.</summary>
    public BaseTensor? TiedTo { get; private set; }

    /// <summary>What counts instead of the pretrained value, or null.</summary>
    public Tensor? Override { get; internal set; }

    /// <summary>The value a forward pass uses.</summary>
    public Tensor Value => Override ?? Pretrained;

    /// <summary>Its sizes.</summary>
    public IReadOnlyList<long> Shape => Pretrained.shape;

    /// <summary>How many numbers it holds.</summary>
    public long Count => Pretrained.numel();

    /// <summary>Replaces the pretrained value (after a merge); a tie ends by it. Returns what stood there, which is kept until it is freed.</summary>
    internal Replaced Replace(Tensor value)
    {
        var replaced = new Replaced(this);
        (own, TiedTo, original, sample) = (value.DetachFromDisposeScope(), null, null, null);
        return replaced;
    }

    /// <summary>Frees the pretrained value; a memory map is let go with its last tensor.</summary>
    public void Dispose() => own?.Dispose();

    /// <summary>What stood in a tensor's place before it was replaced.</summary>
    internal sealed class Replaced(BaseTensor tensor)
    {
        private readonly Tensor? own = tensor.own;
        private readonly BaseTensor? tie = tensor.TiedTo;
        private readonly Func<Tensor>? original = tensor.original;
        private readonly byte[]? sample = tensor.sample;

        public BaseTensor Tensor => tensor;

        public bool WasTied => tie is not null;

        /// <summary>Puts it back, or a value that was computed for it, and frees what replaced it.</summary>
        public void Undo(Tensor? computed = null)
        {
            tensor.own?.Dispose();
            (tensor.own, tensor.TiedTo, tensor.original, tensor.sample) = (computed?.DetachFromDisposeScope() ?? own, tie, original, sample);
        }

        public void Free() => own?.Dispose();
    }
}
