using Weft.Tests.Checkpoints;
using Weft.Training;

namespace Weft.Tests.Training;

public sealed class InputFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void A_link_stands_for_the_file_it_leads_to()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a right here.");
        File.WriteAllText(folder.File("blob"), "some text of a blob");
        File.CreateSymbolicLink(folder.File("link"), "blob");
        var file = InputFile.HashedLater(folder.File("link"));
        Assert.Equal(19, file.Bytes);
        Assert.NotNull(file.Sha256);
        File.AppendAllText(folder.File("blob"), "!");
        Assert.Null(file.Sha256);
    }

    [Fact]
    public void A_file_that_was_hashed_at_the_start_keeps_that_hash_whatever_becomes_of_it()
    {
        File.WriteAllText(folder.File("rows"), "a");
        var file = InputFile.Hashed(folder.File("rows"));
        var hash = file.Sha256;
        File.Delete(folder.File("rows"));
        Assert.Equal("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", hash); // SHA-256 of "a", FIPS 180
        Assert.Equal(hash, file.Sha256);
    }

    public void Dispose() => folder.Dispose();
}
