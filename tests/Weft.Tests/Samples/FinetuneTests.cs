namespace Weft.Tests.Samples;

public sealed class FinetuneTests
{
    [Fact]
    public void The_README_shows_the_sample_whole()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Weft.slnx"))) folder = folder.Parent;
        var sample = File.ReadAllText(Path.Combine(folder.FullName, "samples", "Finetune", "Program.cs"));
        Assert.Contains($"```csharp\n{sample}```\n", File.ReadAllText(Path.Combine(folder.FullName, "README.md")), StringComparison.Ordinal);
    }
}
