using Weft.Models;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Models;

/// <summary>Where a built-in base is laid out, and that what lies there is what the library carries.</summary>
public sealed class BuiltInBasesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_home_without_the_folder_gets_it()
    {
        var laid = BuiltInBases.Folder("weft-tiny", folder.File("home", ".local", "share"), folder.File("tmp"))!;
        Assert.StartsWith(folder.File("home", ".local", "share", "weft", "bases"), laid, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("tmp")));
    }

    [Fact]
    public void Other_bytes_of_the_same_length_are_replaced()
    {
        var file = Path.Combine(BuiltInBases.Folder("weft-tiny", folder.Path, folder.Path)!, "config.json");
        var right = File.ReadAllBytes(file);
        File.WriteAllBytes(file, [.. right.Select(b => (byte)(b ^ 1))]);
        BuiltInBases.Folder("weft-tiny", folder.Path, folder.Path);
        Assert.Equal(right, File.ReadAllBytes(file));
    }

    [Fact]
    public void Without_a_home_the_temporary_folder_is_for_this_user_alone()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Folders have no mode here.");
            return; // which the analyzer of platforms does not know
        }
        var laid = BuiltInBases.Folder("weft-tiny", "", folder.Path)!;
        var own = folder.File($"weft-{Environment.UserName}");
        Assert.StartsWith(own, laid, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(own));
        File.SetUnixFileMode(own, (UnixFileMode)511);
        Assert.Contains("has the mode 777", Assert.Throws<IOException>(() => BuiltInBases.Folder("weft-tiny", "", folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Places_that_cannot_be_written_are_both_named()
    {
        File.WriteAllText(folder.File("home"), "");
        File.WriteAllText(folder.File("tmp"), "");
        var e = Assert.Throws<IOException>(() => BuiltInBases.Folder("weft-tiny", folder.File("home"), folder.File("tmp")));
        Assert.StartsWith($"The base weft-tiny cannot be laid out in {folder.File("home", "weft")} or {folder.File("tmp", $"weft-{Environment.UserName}")}: ", e.Message, StringComparison.Ordinal);
    }
}
