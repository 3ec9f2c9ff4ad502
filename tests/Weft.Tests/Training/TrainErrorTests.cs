using Weft.Adapters;
using Weft.Training;

namespace Weft.Tests.Training;

public sealed class TrainErrorTests
{
    private static readonly TrainOptions options = new() { LearningRate = 0.5, WarmupSteps = 0, Steps = 4, Accumulation = 2 };

    [Fact]
    public void A_loss_that_is_not_finite_names_step_rate_and_rows_and_leaves_the_tensors()
    {
        var toy = new Toy();
        using var state = toy.NewState(options, 6);
        byte[]? before = null;
        var error = Assert.Throws<InvalidOperationException>(() =>
        {
            foreach (var _ in Toy.Walk(state, Toy.Batches(6), rows => toy.SummedLoss(rows) * (state.Step == 1 && rows.Contains(12L) ? double.NaN : 1), Toy.Facts))
                before = [.. toy.W1.detach().bytes];
        });
        Assert.Equal("The loss is NaN at step 2 (learning rate 0.375), in rows 12, 19, 2, 9, 16, 23. Lower the learning rate, or look at these rows.", error.Message);
        Assert.Equal(before!, toy.W1.detach().bytes.ToArray());
    }

    [Fact]
    public void A_gradient_that_is_not_finite_names_the_tensor_too()
    {
        var toy = new Toy();
        using var state = toy.NewState(options, 12);
        var error = Assert.Throws<InvalidOperationException>(() => Toy.Walk(state, Toy.Batches(12), rows => toy.SummedLoss(rows) + (toy.Bias * 0).sqrt().sum(), Toy.Facts).ToList());
        Assert.StartsWith("The gradient of bias is not finite at step 1 (learning rate 0.5), in rows 0, 7, 14, ", error.Message);
        Assert.EndsWith(". Lower the learning rate, or look at these rows.", error.Message);
    }

    [Fact]
    public void Gradients_whose_squares_overflow_are_told_from_infinite_ones()
    {
        var w = new Parameter(ones(2, 2));
        using var state = new TrainingState([new OptimizerGroup([("w", w)])], options, 1);
        var error = Assert.Throws<InvalidOperationException>(() => Toy.Walk(state, (_, _) => (long[])[3], _ => w.sum() * 1e30, r => new BatchFacts([r], 1, 1)).ToList());
        Assert.Equal("The gradients are too large to be added up (up to 1e+30 in w) at step 1 (learning rate 0.5), in row 3. Lower the learning rate, or look at these rows.", error.Message);
    }

    [Fact]
    public void A_rate_that_diverges_stops_the_run()
    {
        var toy = new Toy { Dropout = 0 };
        using var state = toy.NewState(options with { LearningRate = 1e38, Steps = 50 }, 6);
        Assert.Matches(@"at step \d+ \(learning rate .*e\+3\d\), in rows .*Lower the learning rate", Assert.Throws<InvalidOperationException>(() => toy.Steps(state, 6).ToList()).Message);
    }

    [Fact]
    public void A_step_that_supervises_nothing_is_refused()
    {
        var toy = new Toy();
        using var state = toy.NewState(options with { Accumulation = 1 }, 3);
        var error = Assert.Throws<InvalidDataException>(() => Toy.Walk(state, Toy.Batches(3), toy.SummedLoss, rows => new BatchFacts(rows, 12, 0)).ToList());
        Assert.Equal("No token is supervised at step 1 (learning rate 0.5), in rows 0, 7, 14. Give these rows a completion, or raise the length at which rows are cut.", error.Message);
    }

    [Fact]
    public void A_loss_that_nothing_trained_enters_is_refused()
    {
        var toy = new Toy();
        using var state = toy.NewState(options, 6);
        var error = Assert.Throws<InvalidOperationException>(() => Toy.Walk(state, Toy.Batches(6), _ => ones([]), Toy.Facts).ToList());
        Assert.Equal("The loss at step 1 (learning rate 0.5) does not depend on any trained tensor. Attach the adapters to the model that computes it, and do not compute it under no_grad.", error.Message);
    }

    [Fact]
    public void A_pass_that_is_shorter_than_counted_is_refused()
    {
        var toy = new Toy();
        using var state = new TrainingState(toy.Groups, options, 9);
        var error = Assert.Throws<InvalidDataException>(() => toy.Steps(state, 6).ToList());
        Assert.Equal("Pass 1 over the data ends after 4 batches; 9 were counted when the run started. Has the data changed?", error.Message);
    }

    [Fact]
    public void A_run_without_batches_is_refused() =>
        Assert.Equal("A pass over the data has 0 batches; training needs at least one. Check the data file and its filters.",
            Assert.Throws<ArgumentException>(() => new TrainingState(new Toy().Groups, options, 0)).Message);

    [Theory]
    [InlineData(1, 4, 4, "warmup_steps is 4 of 4 steps; the rate would never reach its peak. Lower it, or train for more steps.")]
    [InlineData(2_000_000_000, 4, null, "epochs is 2000000000, which is 8000000000 steps; a run has at most 2147483647.")]
    public void Epochs_that_give_too_few_or_too_many_steps_are_refused(int epochs, int batches, int? warmup, string message) =>
        Assert.Equal(message, Assert.Throws<ArgumentException>(() => new TrainingState(new Toy().Groups, new TrainOptions { Epochs = epochs, WarmupSteps = warmup }, batches)).Message);

    [Fact]
    public void All_options_that_do_not_work_are_listed_at_once()
    {
        var error = Assert.Throws<ArgumentException>(() => new TrainOptions { Epochs = 0, LearningRate = double.NaN, Beta2 = 1, ClipNorm = 0, Patience = 3, Steps = 10, WarmupSteps = 10 }.Validate());
        Assert.Equal(
            "These training options do not work:\n" +
            "  epochs is 0; it must be 1 or more\n" +
            "  learning_rate is NaN; it must be a number above 0 (LoRA and WeGeFT mostly take 1e-4 to 5e-3)\n" +
            "  warmup_steps is 10 of 10 steps; the rate would never reach its peak\n" +
            "  beta2 is 1; it must be from 0 to below 1\n" +
            "  clip_norm is 0; it must be above 0, or null to clip nothing\n" +
            "  patience is 3 but evaluate_every is not given, so nothing would ever stop the run; give both", error.Message);
    }

    [Theory]
    [InlineData(1, 10, 1, 10, 1)]
    [InlineData(3, 10, 4, 9, 1)] // 4 + 4 + 2 batches a pass
    [InlineData(2, 1000, 1, 2000, 60)]
    [InlineData(1, 1, 1, 1, 0)] // a share never takes the last step, or a run of one step would have the rate 0
    public void Steps_and_warm_up_are_counted(int epochs, int batches, int accumulation, int steps, int warmup)
    {
        var counted = new TrainOptions { Epochs = epochs, Accumulation = accumulation };
        Assert.Equal(steps, counted.TotalSteps(batches));
        Assert.Equal(new Schedule(ScheduleShape.Linear, steps, warmup), counted.ScheduleOver(steps));
    }

    [Fact]
    public void Early_stopping_waits_for_its_patience()
    {
        var evaluations = new EarlyStopping(2);
        Assert.True(evaluations.Update(3, 10));
        Assert.True(evaluations.Update(2, 20));
        Assert.False(evaluations.Update(2, 30));
        Assert.False(evaluations.ShouldStop);
        Assert.False(evaluations.Update(double.NaN, 40));
        Assert.True(evaluations.ShouldStop);
        Assert.Equal((2, 20, 2), (evaluations.BestLoss!.Value, evaluations.BestStep, evaluations.EvaluationsSinceBest));
        var never = new EarlyStopping(null);
        for (var i = 0; i < 100; i++) never.Update(1, i);
        Assert.False(never.ShouldStop);
    }
}
