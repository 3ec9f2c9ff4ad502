using System.Reflection;
using ScottPlot;
using SkiaSharp;

namespace Weft.Cli.Finetuning;

/// <summary>The font that comes with the program in a package (Inter, SIL Open Font License), so that plots have letters on machines without fonts.</summary>
internal sealed class EmbeddedFont : IFontResolver, IDisposable
{
    private const string Path = "/Assets/Inter-Regular.ttf";

    private readonly string name;
    private readonly SKTypeface face;

    /// <summary>Makes it known to the plotting library under a name, until it is disposed.</summary>
    public EmbeddedFont(string name)
    {
        this.name = name;
        using var font = new MemoryStream(Read());
        face = SKTypeface.FromStream(font);
        Fonts.FontResolvers.Insert(0, this);
    }

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => fontName == name ? face : null;

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == name ? face : null;

    /// <inheritdoc/>
    public void Dispose() => Fonts.FontResolvers.Remove(this);

    // The package's resource is an index (length, version, count, then path, offset and length of each file) before the files themselves.
    private static byte[] Read()
    {
        using var stream = Assembly.Load(new AssemblyName("Avalonia.Fonts.Inter")).GetManifestResourceStream("!AvaloniaResources")
            ?? throw new InvalidOperationException("The program lacks its font; build it anew.");
        using var reader = new BinaryReader(stream);
        var index = reader.ReadInt32();
        _ = reader.ReadInt32();
        for (var left = reader.ReadInt32(); left > 0; left--)
        {
            var (path, offset, length) = (reader.ReadString(), reader.ReadInt32(), reader.ReadInt32());
            if (path != Path) continue;
            stream.Position = sizeof(int) + index + offset;
            return reader.ReadBytes(length);
        }
        throw new InvalidOperationException($"The font package has no {Path}; build the program with the version it names.");
    }
}
