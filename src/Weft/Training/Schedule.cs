namespace Weft.Training;

/// <summary>The learning rate of every optimizer step as a share of the peak rate.</summary>
/// <remarks>
/// <code>
/// i &lt; w            i / w                       warm-up; the first step has rate 0
/// Constant         1
/// Linear           (n − i) / (n − w)
/// Cosine           ½ (1 + cos π (i − w) / (n − w))
/// i ≥ n            0, except Constant          i step from 0, n steps, w warm-up
/// </code>
/// Values are those of transformers' <c>optimization.py</c>, except that its cosine climbs again past the end.
/// </remarks>
/// <param name="Shape">What follows the warm-up.</param>
/// <param name="Steps">n, the number of steps of the run.</param>
/// <param name="Warmup">w, the number of steps over which the rate rises from 0.</param>
public sealed record Schedule(ScheduleShape Shape, int Steps, int Warmup = 0)
{
    /// <summary>The share of the peak rate, 0 to 1, that a step is taken with.</summary>
    /// <param name="step">Number of the step, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public double Factor(int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (step < Warmup) return step / (double)Warmup;
        if (Shape == ScheduleShape.Constant) return 1;
        if (step >= Steps) return 0;
        var rest = Math.Max(1.0, Steps - Warmup);
        return Shape == ScheduleShape.Linear
            ? (Steps - step) / rest
            : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * ((step - Warmup) / rest))));
    }
}
