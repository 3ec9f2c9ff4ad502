namespace Weft.Adapters;

/// <summary>An adapter that works around each optimiser update and carries state that resumes (AdaLoRA's budget, pruning masks).</summary>
public interface IUpdates
{
    /// <summary>Called with gradients in place, before the update.</summary>
    /// <param name="step">From 1.</param>
    /// <param name="total">Steps of the run.</param>
    void BeforeUpdate(long step, long total);

    /// <summary>Called after the update, before gradients are cleared.</summary>
    /// <param name="step">From 1.</param>
    /// <param name="total">Steps of the run.</param>
    void AfterUpdate(long step, long total);

    /// <summary>What must be kept to go on as if nothing had stopped, by name.</summary>
    IEnumerable<(string Name, Tensor Value)> State();

    /// <summary>Takes back what <see cref="State"/> gave.</summary>
    /// <param name="state">By name. The tensors are the caller's and gone when this returns: copy what is kept.</param>
    void Restore(IReadOnlyDictionary<string, Tensor> state);
}
