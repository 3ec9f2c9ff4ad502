using Weft.Nn;

namespace Weft.Tests.Nn;

/// <summary>Values and slopes of every hidden_act against its formula in double, to 2e-6: a few roundings in float32. Slopes by central differences of the formula.</summary>
public sealed class ActivationsTests
{
    private static readonly Dictionary<string, Func<double, double>> formulas = new()
    {
        ["gelu"] = x => x * Normal(x),
        ["gelu_new"] = ByTanh,
        ["gelu_pytorch_tanh"] = ByTanh,
        ["relu"] = x => Math.Max(0, x),
        ["silu"] = x => x / (1 + Math.Exp(-x)),
        ["swish"] = x => x / (1 + Math.Exp(-x)),
    };

    public static TheoryData<string> Words => [.. Activations.All];

    [Theory, MemberData(nameof(Words))]
    public void An_activation_and_its_slope_are_those_of_its_formula(string word)
    {
        using var scope = NewDisposeScope();
        var formula = formulas[word];
        var points = Enumerable.Range(-20, 41).Where(i => i != 0).Select(i => i * 0.21f).ToArray(); // without 0, where relu has no slope
        var x = tensor(points).requires_grad_();
        var y = Activations.Find(word)!(x);
        y.sum().backward();
        for (var i = 0; i < points.Length; i++)
        {
            var at = (double)points[i];
            Assert.Equal(formula(at), y[i].item<float>(), 2e-6);
            Assert.Equal((formula(at + 1e-5) - formula(at - 1e-5)) / 2e-5, x.grad![i].item<float>(), 2e-6);
        }
    }

    private static double ByTanh(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    // Φ(x) = ½ + φ(x) (x + x³/3 + x⁵/(3·5) + …), which converges everywhere.
    private static double Normal(double x)
    {
        var (term, sum) = (x, x);
        for (var n = 3; n < 200; n += 2) sum += term *= x * x / n;
        return 0.5 + sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
    }
}
