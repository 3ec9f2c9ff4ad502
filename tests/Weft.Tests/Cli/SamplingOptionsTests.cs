using System.CommandLine;
using Weft.Cli.Commands;

namespace Weft.Tests.Cli;

/// <summary>How a line says that tokens are drawn.</summary>
public sealed class SamplingOptionsTests
{
    [Theory]
    [InlineData("", 0, null)]
    [InlineData("--top-k 0", 0, null)]
    [InlineData("--top-k 5", 1, 5)]
    [InlineData("--top-k 0 --temperature 0.5", 0.5, null)]
    public void Top_k_of_0_is_no_filter(string line, double temperature, int? topK)
    {
        var (command, options) = (new Command("x"), new SamplingOptions());
        options.AddTo(command);
        var sampling = options.Read(command.Parse(line)).Sampling;
        Assert.Equal((temperature, topK), (sampling.Temperature, sampling.TopK));
    }
}
