using Weft.Cli.Finetuning;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>The picture of a run's losses.</summary>
public sealed class LossCurveTests
{
    [Fact]
    public void Losses_over_more_than_two_decades_stand_on_a_logarithmic_axis()
    {
        Assert.False(LossCurve.IsLogarithmic([8, 0.5, 0.1]));
        Assert.True(LossCurve.IsLogarithmic([8, 0.5, 0.01]));
        Assert.False(LossCurve.IsLogarithmic([8, 0]));
        Assert.False(LossCurve.IsLogarithmic([0]));
    }

    [Fact]
    public void A_loss_of_0_does_not_break_the_picture()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder.File("metrics.jsonl"), Enumerable.Range(1, 60).Select(i => FormattableString.Invariant($"{{\"step\": {i}, \"loss\": {(i == 50 ? 0 : 8 * Math.Exp(-i / 8.0))}}}")));
        LossCurve.Write(folder.File("metrics.jsonl"), folder.File("loss.png"), "a run");
        Assert.True(new FileInfo(folder.File("loss.png")).Length > 1000);
    }
}
