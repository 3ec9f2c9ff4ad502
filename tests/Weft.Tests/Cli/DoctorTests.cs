using Weft.Cli;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli;

/// <summary>What the tool says of a machine, above all of one on which it cannot work.</summary>
public sealed class DoctorTests
{
    [Fact]
    public async Task Without_libtorch_the_doctor_says_where_it_was_looked_for_and_the_way_out()
    {
        using var empty = new TemporaryFolder();
        foreach (var more in new[] { Array.Empty<string>(), ["--json"] })
        {
            using var process = Tool.Start(new Dictionary<string, string> { ["WEFT_LIBTORCH"] = empty.Path }, ["doctor", .. more]);
            var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            Assert.Contains($"WEFT_LIBTORCH is {empty.Path}", await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            Assert.Equal("", await error);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(ExitCode.Failed, process.ExitCode);
        }
    }
}
