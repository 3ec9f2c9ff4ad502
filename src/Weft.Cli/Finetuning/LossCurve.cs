using System.Globalization;
using System.Text.Json.Nodes;
using ScottPlot;
using ScottPlot.TickGenerators;
using Weft.Checkpoints;

namespace Weft.Cli.Finetuning;

/// <summary>Draws the losses of a run.</summary>
internal static class LossCurve
{
    private const string FontName = "Weft Sans";
    private const double Smoothing = 0.9;
    private static readonly Lock gate = new();

    /// <summary>Writes a PNG of the loss by step, smoothed, and of the held-out loss.</summary>
    /// <param name="metrics">The metrics file of the run.</param>
    /// <param name="path">The PNG.</param>
    /// <param name="title">The title.</param>
    public static void Write(string metrics, string path, string title)
    {
        var lines = File.ReadLines(metrics).Select(l => JsonNode.Parse(l)!.AsObject()).ToList();
        var steps = Points(lines, "loss");
        var held = Points(lines, "evaluation_loss");
        if (steps.Count == 0) return;
        lock (gate) // fonts are found through a list that the library holds for the whole process
        {
            using var font = new EmbeddedFont(FontName);
            using var plot = new Plot();
            if (IsLogarithmic([.. steps.Concat(held).Select(p => p.Value)]))
            {
                (steps, held) = (Logs(steps), Logs(held));
                plot.Axes.Left.TickGenerator = new NumericAutomatic { MinorTickGenerator = new LogMinorTickGenerator(), IntegerTicksOnly = true, LabelFormatter = exponent => Math.Pow(10, exponent).ToString("0.######", CultureInfo.InvariantCulture) };
            }
            Line(plot, steps, Color.FromHex("#9db8d9"), 1, "each step");
            if (steps.Count > 20) Line(plot, Smoothed(steps), Color.FromHex("#1f5fa8"), 2, "smoothed");
            if (held.Count > 0)
            {
                var drawn = plot.Add.Scatter(held.Select(p => p.Step).ToArray(), held.Select(p => p.Value).ToArray(), Color.FromHex("#d1603d"));
                (drawn.LegendText, drawn.MarkerSize, drawn.LineWidth) = ("held out", 6, 2);
            }
            plot.Title(title);
            plot.XLabel("step");
            plot.YLabel("loss (nats per token)");
            plot.ShowLegend(Alignment.UpperRight);
            plot.Font.Set(FontName);
            plot.Legend.FontName = FontName;
            var image = plot.GetImageBytes(900, 500, ImageFormat.Png);
            AtomicFile.Write(path, stream => stream.Write(image));
        }
    }

    private static List<(double Step, double Value)> Points(List<JsonObject> lines, string key) =>
        [.. lines.Where(l => l[key] is JsonValue v && v.TryGetValue<double>(out _)).Select(l => ((double)l["step"]!, (double)l[key]!))];

    /// <summary>Whether losses span more than two decades, of which a linear axis shows the first alone.</summary>
    internal static bool IsLogarithmic(IReadOnlyList<double> losses) => losses.Where(l => l > 0).DefaultIfEmpty(1).Max() > 100 * losses.Where(l => l > 0).DefaultIfEmpty(1).Min();

    // A logarithmic axis has no place for a loss of 0.
    private static List<(double Step, double Value)> Logs(List<(double Step, double Value)> points) => [.. points.Where(p => p.Value > 0).Select(p => (p.Step, Math.Log10(p.Value)))];

    private static List<(double Step, double Value)> Smoothed(List<(double Step, double Value)> points)
    {
        var (mean, weight, smooth) = (0.0, 0.0, new List<(double, double)>());
        foreach (var (step, value) in points)
        {
            (mean, weight) = (Smoothing * mean + (1 - Smoothing) * value, Smoothing * weight + (1 - Smoothing));
            smooth.Add((step, mean / weight));
        }
        return smooth;
    }

    private static void Line(Plot plot, List<(double Step, double Value)> points, Color colour, float width, string name)
    {
        var line = plot.Add.ScatterLine(points.Select(p => p.Step).ToArray(), points.Select(p => p.Value).ToArray(), colour);
        (line.LineWidth, line.LegendText) = (width, name);
    }
}
