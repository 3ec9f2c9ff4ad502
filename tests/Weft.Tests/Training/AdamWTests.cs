using System.Text.Json;
using Weft.Adapters;
using Weft.Training;

namespace Weft.Tests.Training;

public sealed class AdamWTests
{
    // The reference's own tolerance: 1e-5 of the largest value, after 20 steps.
    private const double tolerance = 1e-5;

    [Theory]
    [InlineData("adamw_wd")]
    [InlineData("adamw_no_wd")]
    [InlineData("adamw_big_wd")]
    [InlineData("adamw_groups")]
    [InlineData("adamw_missing_grads")]
    [InlineData("adamw_changing_lr")]
    public void Twenty_steps_equal_the_reference(string name)
    {
        var options = Golden.Json("steps", "case.json").GetProperty("cases").GetProperty(name);
        var inputs = Golden.Tensors("steps", "inputs.safetensors");
        var outputs = Golden.Tensors("steps", "outputs.safetensors");
        var parameters = inputs.Keys.Where(k => k.StartsWith("start.", StringComparison.Ordinal)).ToDictionary(k => k[6..], k => new Parameter(inputs[k].clone()));
        using var optimizer = Optimizer(options, parameters, out var rates);
        var skipped = options.TryGetProperty("skip", out var skip) ? skip.EnumerateArray().Select(s => (s[0].GetInt32(), s[1].GetString())).ToHashSet() : [];
        for (var i = 0; i < 20; i++)
        {
            optimizer.ClearGradients();
            foreach (var (key, parameter) in parameters)
                if (!skipped.Contains((i, key))) parameter.grad = inputs[$"grad.{key}"][i].clone();
            optimizer.Update(rates[i]);
            foreach (var (key, parameter) in parameters) Golden.Close(outputs[$"{name}.{key}"][i], parameter, tolerance, $"{key} after step {i}");
        }
    }

    [Fact]
    public void Lora_plus_groups_move_as_the_reference_moves_them()
    {
        var rules = Golden.Json("lora_plus", "case.json");
        var tensors = Golden.Tensors("lora_plus", "tensors.safetensors");
        var rate = rules.GetProperty("lr").GetDouble();
        var parameters = new Dictionary<string, Parameter>();
        var groups = new List<OptimizerGroup>();
        foreach (var group in rules.GetProperty("groups").EnumerateArray())
        {
            var members = group.GetProperty("params").EnumerateArray().Select(p => (Key: p.GetString()!, Value: new Parameter(tensors[$"start.{p.GetString()}"].clone()))).ToList();
            foreach (var (key, value) in members) parameters[key] = value;
            // all of them may decay as far as the groups say: the one-dimensional ones are found by their shape
            groups.Add(new OptimizerGroup(members, group.GetProperty("lr").GetDouble() / rate));
        }
        using var optimizer = new AdamW(WeightDecay.OnMatricesOnly(groups), weightDecay: rules.GetProperty("weight_decay").GetDouble());
        for (var i = 0; i < 10; i++)
        {
            foreach (var (key, parameter) in parameters) parameter.grad = tensors[$"grad.{key}"][i].clone();
            optimizer.Update(rate);
            foreach (var (key, parameter) in parameters) Golden.Close(tensors[$"after.{key}"][i], parameter, tolerance, $"{key} after step {i}");
        }
    }

    [Fact]
    public void A_saved_state_goes_on_with_the_same_bits()
    {
        random.manual_seed(5);
        var (w, b) = (new Parameter(randn(7, 5)), new Parameter(randn(5)));
        var gradients = Enumerable.Range(0, 6).Select(_ => (randn(7, 5), randn(5))).ToList();
        using var whole = new AdamW([new OptimizerGroup([("w", w), ("b", b)])], weightDecay: 0.1);
        for (var i = 0; i < 3; i++) Move(whole, w, b, gradients[i]);

        var (w2, b2) = (new Parameter(w.detach().clone()), new Parameter(b.detach().clone()));
        using var second = new AdamW([new OptimizerGroup([("w", w2), ("b", b2)])], weightDecay: 0.1);
        second.Load(whole.State.ToDictionary(s => s.Key, s => s.Value.clone()));
        for (var i = 3; i < 6; i++)
        {
            Move(whole, w, b, gradients[i]);
            Move(second, w2, b2, gradients[i]);
        }
        Golden.SameBits(w, w2);
        Golden.SameBits(b, b2);
        Assert.Equal(["w.step", "w.exp_avg", "w.exp_avg_sq", "b.step", "b.exp_avg", "b.exp_avg_sq"], second.State.Select(s => s.Key));
    }

    [Fact]
    public void A_gradient_laid_out_otherwise_in_memory_moves_the_right_numbers()
    {
        var (straight, turned) = (new Parameter(zeros(3, 4)), new Parameter(zeros(3, 4)));
        var gradient = arange(12, dtype: float32).reshape(4, 3).t();
        straight.grad = gradient.contiguous();
        turned.grad = gradient;
        using var first = new AdamW([new OptimizerGroup([("w", straight)])]);
        using var second = new AdamW([new OptimizerGroup([("w", turned)])]);
        first.Update(0.1);
        second.Update(0.1);
        Golden.SameBits(straight, turned);
    }

    [Fact]
    public void A_state_that_does_not_fit_is_refused_whole()
    {
        using var optimizer = new AdamW([new OptimizerGroup([("w", new Parameter(zeros(2, 3)))])]);
        var saved = new Dictionary<string, Tensor> { ["w.step"] = ones([]), ["w.exp_avg"] = ones(3, 2), ["v.exp_avg"] = ones(1) };
        var error = Assert.Throws<InvalidDataException>(() => optimizer.Load(saved));
        Assert.Equal(
            "The optimizer's state does not fit what is trained:\n  w.exp_avg: (3, 2) for (2, 3)\n  w.exp_avg_sq: missing\n  v.exp_avg: unexpected\n" +
            "Resume with the configuration the run was started with.", error.Message);
        Assert.Equal(0, optimizer.State.First().Value.item<float>());
    }

    [Fact]
    public void What_cannot_be_trained_is_listed_at_once()
    {
        var twice = new Parameter(zeros(2));
        var error = Assert.Throws<ArgumentException>(() => new AdamW([
            new OptimizerGroup([("a", twice), ("b", twice), ("a", new Parameter(zeros(1)))]),
            new OptimizerGroup([("c", new Parameter(zeros(2, dtype: bfloat16))), ("d", new Parameter(zeros(2), requires_grad: false))], RateFactor: -1),
        ]));
        Assert.Equal(
            "These tensors cannot be trained:\n" +
            "  b is a tensor that is listed under another key as well; it would be moved twice at every step\n" +
            "  a is listed twice; it would be moved twice at every step\n" +
            "  a group's rate factor is -1; it must be a number, 0 or more\n" +
            "  c is BFloat16, training needs Float32; load the trained tensors in float32\n" +
            "  d does not require a gradient; set requires_grad or leave it out", error.Message);
        Assert.Contains("no tensor is trained", Assert.Throws<ArgumentException>(() => new AdamW([])).Message);
    }

    private static AdamW Optimizer(JsonElement options, Dictionary<string, Parameter> parameters, out double[] rates)
    {
        var betas = options.TryGetProperty("betas", out var b) ? b.EnumerateArray().Select(x => x.GetDouble()).ToArray() : [0.9, 0.999];
        var epsilon = options.TryGetProperty("eps", out var e) ? e.GetDouble() : 1e-8;
        var rate = options.TryGetProperty("lr", out var l) ? l.GetDouble() : 1;
        rates = options.TryGetProperty("lrs", out var each) ? [.. each.EnumerateArray().Select(x => x.GetDouble())] : [.. Enumerable.Repeat(rate, 20)];
        if (!options.TryGetProperty("groups", out var groups))
            return new AdamW([new OptimizerGroup([.. parameters.Select(p => (p.Key, p.Value))])], betas[0], betas[1], epsilon, options.GetProperty("weight_decay").GetDouble());
        return new AdamW([.. groups.EnumerateArray().Select(g => new OptimizerGroup(
            [.. g.GetProperty("params").EnumerateArray().Select(p => (p.GetString()!, parameters[p.GetString()!]))],
            g.TryGetProperty("lr", out var own) ? own.GetDouble() / rate : 1,
            g.GetProperty("weight_decay").GetDouble() > 0))], betas[0], betas[1], epsilon, groups[0].GetProperty("weight_decay").GetDouble());
    }

    private static void Move(AdamW optimizer, Parameter w, Parameter b, (Tensor W, Tensor B) gradient)
    {
        w.grad = gradient.W.clone();
        b.grad = gradient.B.clone();
        optimizer.Update(0.01);
    }
}
