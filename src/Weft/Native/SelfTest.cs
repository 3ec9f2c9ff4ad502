using System.Diagnostics;
using System.Globalization;

namespace Weft.Native;

/// <summary>One finding of the self-test.</summary>
/// <param name="Name">What was tried.</param>
/// <param name="Value">What came out, with its unit.</param>
/// <param name="IsOk">Whether it is as it must be; a rate only has to be had.</param>
public readonly record struct SelfTestResult(string Name, string Value, bool IsOk);

/// <summary>A second of work that shows whether this machine computes rightly, and how fast.</summary>
public static class SelfTest
{
    private const int Side = 1024;
    private const double SecondsPerRate = 0.2;

    /// <summary>Runs all tests; one that fails by an exception is a finding with its message.</summary>
    /// <exception cref="DllNotFoundException">libtorch is missing.</exception>
    public static IReadOnlyList<SelfTestResult> Run()
    {
        Libtorch.Initialize();
        var results = new List<SelfTestResult>
        {
            Try("matrix product against double precision", MatrixProduct),
            Try("gradient against differences", Gradient),
            Try("allocator round trip", Allocator),
            Try($"float32 rate ({Side}³)", () => Rate(float32)),
            Try($"bfloat16 rate ({Side}³)", () => Rate(bfloat16)),
        };
        return results;
    }

    private static SelfTestResult Try(string name, Func<(string, bool)> test)
    {
        try
        {
            using var scope = NewDisposeScope();
            var (value, ok) = test();
            return new SelfTestResult(name, value, ok);
        }
        catch (Exception e)
        {
            return new SelfTestResult(name, e.Message, false);
        }
    }

    private static (string, bool) MatrixProduct()
    {
        const int rows = 65, inner = 257, columns = 33; // no multiple of a vector's width
        using var generator = new Generator(1);
        var (a, b) = (randn(rows, inner, generator: generator), randn(inner, columns, generator: generator));
        var product = a.mm(b).data<float>().ToArray();
        var (x, y) = (a.data<float>().ToArray(), b.data<float>().ToArray());
        var worst = 0.0;
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++)
            {
                var sum = 0.0;
                for (var k = 0; k < inner; k++) sum += (double)x[i * inner + k] * y[k * columns + j];
                worst = Math.Max(worst, Math.Abs(sum - product[i * columns + j]));
            }
        // sums of 257 products of about 1: rounding to 24 bits leaves some 1e-5
        return (Text($"largest difference {worst:0.0e+0}"), worst < 1e-4);
    }

    private static (string, bool) Gradient()
    {
        using var generator = new Generator(2);
        var x = randn(5, 7, dtype: float64, generator: generator).requires_grad_();
        var w = randn(7, 3, dtype: float64, generator: generator);
        Tensor Loss(Tensor input) => input.mm(w).tanh().pow(2).sum();
        Loss(x).backward();
        var exact = x.grad!.data<double>().ToArray();
        const double step = 1e-5;
        var worst = 0.0;
        using (no_grad())
            for (var i = 0; i < exact.Length; i++)
            {
                using var change = zeros(exact.Length, dtype: float64);
                change[i] = step;
                var shift = change.view(5, 7);
                var slope = (Loss(x + shift) - Loss(x - shift)).item<double>() / (2 * step);
                worst = Math.Max(worst, Math.Abs(slope - exact[i]));
            }
        return (Text($"largest difference {worst:0.0e+0}"), worst < 1e-7);
    }

    private static unsafe (string, bool) Allocator()
    {
        if (!TensorMemory.IsCounted) return ("the C library's malloc, not counted", true);
        const int numbers = 3_000_000;
        using var t = ones(numbers);
        if (t.sum().item<float>() != numbers) return ("the contents changed", false);
        // the tensor's own block is asked, not the count of all: other threads take and free theirs meanwhile
        fixed (byte* start = t.bytes)
        {
            var taken = TensorHeap.BytesAt(start);
            return (Text($"{taken ?? 0} bytes for {4L * numbers}, {TensorMemory.ReservedBytes >> 20} MiB held"), taken >= 4L * numbers);
        }
    }

    private static (string, bool) Rate(ScalarType type)
    {
        var (a, b) = (randn(Side, Side).to(type), randn(Side, Side).to(type));
        using (a.mm(b.t())) { } // the first one sets the library up
        var best = double.MaxValue;
        var whole = Stopwatch.StartNew();
        do
        {
            var one = Stopwatch.StartNew();
            using (a.mm(b.t())) { }
            best = Math.Min(best, one.Elapsed.TotalSeconds);
        }
        while (whole.Elapsed.TotalSeconds < SecondsPerRate);
        return (Text($"{2.0 * Side * Side * Side / best / 1e9:0} GFLOP/s"), true);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
