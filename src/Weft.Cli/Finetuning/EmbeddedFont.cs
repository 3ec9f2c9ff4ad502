using ScottPlot;
using SkiaSharp;

namespace Weft.Cli.Finetuning;

/// <summary>The font that comes with the program, so that plots have letters on machines without fonts. It is DejaVu Sans, cut down to Latin letters and signs.</summary>
internal sealed class EmbeddedFont : IFontResolver, IDisposable
{
    private readonly string name;
    private readonly SKTypeface face;

    /// <summary>Makes it known to the plotting library under a name, until it is disposed.</summary>
    public EmbeddedFont(string name)
    {
        this.name = name;
        using var stream = typeof(EmbeddedFont).Assembly.GetManifestResourceStream("Weft.Cli.DejaVuSans-subset.ttf") ?? throw new InvalidOperationException("The program lacks its font; build it anew.");
        face = SKTypeface.FromStream(stream);
        Fonts.FontResolvers.Insert(0, this);
    }

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => fontName == name ? face : null;

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == name ? face : null;

    /// <inheritdoc/>
    public void Dispose() => Fonts.FontResolvers.Remove(this);
}
