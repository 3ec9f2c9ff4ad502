using System.Xml.Linq;

namespace Weft.Tests.Conventions;

/// <summary>What the repository depends on. A package more is a decision: docs/decisions says why, then it is added here.</summary>
public sealed class PackageTests
{
    private static readonly string[] budget =
    [
        "Avalonia.Fonts.Inter", "FsCheck", "Google.Protobuf", "HarfBuzzSharp.NativeAssets.Linux", "LLamaSharp", "LLamaSharp.Backend.Cpu", "ScottPlot", "SharpZipLib", "SkiaSharp",
        "SkiaSharp.HarfBuzz", "SkiaSharp.NativeAssets.Linux.NoDependencies", "Spectre.Console", "System.CommandLine", "TorchSharp", "YamlDotNet", "libtorch-cpu-linux-x64",
        "libtorch-cpu-osx-arm64", "libtorch-cpu-win-x64", "xunit.v3.mtp-v2",
    ];

    [Fact]
    public void The_packages_are_those_that_were_decided()
    {
        var versions = XDocument.Parse(SourceTree.Read("Directory.Packages.props")).Descendants("PackageVersion").ToDictionary(p => (string)p.Attribute("Include")!, p => (string)p.Attribute("Version")!);
        Assert.Equal(budget, versions.Keys.Order(StringComparer.Ordinal));
        Assert.All(versions, v => Assert.Matches(@"^\d+(\.\d+){1,3}(-[\w.]+)?$", v.Value)); // exact, no ranges
    }

    [Fact]
    public void The_library_itself_needs_TorchSharp_alone()
    {
        var references = XDocument.Parse(SourceTree.Read("src/Weft/Weft.csproj")).Descendants("PackageReference").Select(p => (string)p.Attribute("Include")!);
        Assert.All(references, r => Assert.True(r == "TorchSharp" || r.StartsWith("libtorch-", StringComparison.Ordinal) || r is "SharpZipLib" or "SkiaSharp" or "Google.Protobuf", $"src/Weft refers to {r}"));
    }
}
