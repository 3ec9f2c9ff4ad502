using FsCheck;
using FsCheck.Fluent;
using Weft.Training;

namespace Weft.Tests.Training;

public sealed class ScheduleTests
{
    [Theory]
    [InlineData("constant_with_warmup", ScheduleShape.Constant)]
    [InlineData("linear", ScheduleShape.Linear)]
    [InlineData("cosine", ScheduleShape.Cosine)]
    public void Rates_equal_the_reference(string kind, ScheduleShape shape)
    {
        var all = Golden.Json("schedules.json");
        var (peak, tolerance) = (all.GetProperty("base_lr").GetDouble(), all.GetProperty("tolerance").GetDouble());
        var compared = 0;
        foreach (var entry in all.GetProperty("cases").EnumerateObject().Where(c => c.Name.StartsWith(kind + "/", StringComparison.Ordinal)))
        {
            var (steps, warmup) = (entry.Value.GetProperty("steps").GetInt32(), entry.Value.GetProperty("warmup").GetInt32());
            var schedule = new Schedule(shape, steps, warmup);
            var expected = entry.Value.GetProperty("lr").EnumerateArray().Select(x => x.GetDouble()).ToArray();
            for (var i = 0; i < expected.Length; i++, compared++)
                // the reference's cosine climbs again past the end; ours has ended
                Assert.Equal(shape == ScheduleShape.Cosine && i >= steps ? 0 : expected[i], peak * schedule.Factor(i), tolerance);
        }
        Assert.True(compared > 100);
    }

    [Fact]
    public void A_constant_rate_without_warm_up_equals_the_reference()
    {
        var lr = Golden.Json("schedules.json").GetProperty("cases").GetProperty("constant/7/0").GetProperty("lr");
        Assert.All(lr.EnumerateArray(), x => Assert.Equal(2e-4, x.GetDouble()));
        Assert.All(Enumerable.Range(0, 10), i => Assert.Equal(1, new Schedule(ScheduleShape.Constant, 7).Factor(i)));
    }

    [Fact]
    public void A_factor_stays_between_0_and_1_and_rises_then_falls() => Check.QuickThrowOnFailure(Prop.ForAll(
        Gen.Choose(0, 2).Zip(Gen.Choose(1, 300)).Zip(Gen.Choose(0, 400)).ToArbitrary(), drawn =>
        {
            var ((shape, steps), warmup) = drawn;
            var schedule = new Schedule((ScheduleShape)shape, steps, warmup);
            var factors = Enumerable.Range(0, steps + 5).Select(schedule.Factor).ToArray();
            return factors.All(f => f is >= 0 and <= 1)
                && (warmup == 0 ? factors[0] == 1 : factors[0] == 0)
                && factors.Take(Math.Min(warmup, steps)).Zip(factors.Take(Math.Min(warmup, steps)).Skip(1)).All(p => p.First < p.Second)
                && factors.Skip(warmup).Zip(factors.Skip(warmup + 1)).All(p => p.First >= p.Second);
        }));

    [Fact]
    public void A_negative_step_is_refused() => Assert.Throws<ArgumentOutOfRangeException>(() => new Schedule(ScheduleShape.Linear, 7).Factor(-1));
}
