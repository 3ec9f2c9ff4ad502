using System.Diagnostics;
using Weft.Checkpoints;

namespace Weft.Tests.Checkpoints;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_new_content_replaces_the_old()
    {
        var path = folder.File("a");
        AtomicFile.Write(path, stream => stream.Write("old and long"u8));
        AtomicFile.Write(path, stream => stream.Write("new"u8));
        Assert.Equal("new", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_writer_that_throws_leaves_the_old_content_and_nothing_else()
    {
        var path = folder.File("a");
        File.WriteAllText(path, "old");
        var thrown = new FormatException("no");
        Assert.Same(thrown, Assert.Throws<FormatException>(() => AtomicFile.Write(path, stream =>
        {
            stream.Write("half"u8);
            throw thrown;
        })));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_reader_sees_the_old_content_until_the_new_one_is_whole()
    {
        var path = folder.File("a");
        File.WriteAllText(path, "old");
        AtomicFile.Write(path, stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(path));
        });
        Assert.Equal("new", File.ReadAllText(path));
    }

    [Theory]
    [InlineData("missing/a")]
    [InlineData("file/a")]
    public void A_folder_that_is_none_is_refused(string name)
    {
        File.WriteAllText(folder.File("file"), "");
        Refused(folder.File(name));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_to_is_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc is the folder that not even root writes to.");
        Refused("/proc/weft");
    }

    [Fact]
    public void A_folder_of_that_name_is_not_replaced()
    {
        Directory.CreateDirectory(folder.File("a"));
        Refused(folder.File("a"));
        Assert.True(Directory.Exists(folder.File("a")));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_full_disk_leaves_the_old_content()
    {
        var small = Directory.CreateDirectory(folder.File("small")).FullName;
        Assert.SkipUnless(OperatingSystem.IsLinux() && Run("mount", "-t", "tmpfs", "-o", "size=64k", "weft", small), "A small tmpfs cannot be mounted here.");
        try
        {
            var path = Path.Combine(small, "a");
            File.WriteAllText(path, "old");
            var error = Assert.Throws<IOException>(() => AtomicFile.Write(path, stream => stream.Write(new byte[1 << 20])));
            Assert.StartsWith($"{path} could not be written: No space left on device", error.Message);
            Assert.Equal("old", File.ReadAllText(path));
            Assert.Equal([path], Directory.GetFiles(small));
        }
        finally
        {
            Run("umount", small);
        }
    }

    private static void Refused(string path)
    {
        var error = Assert.Throws<IOException>(() => AtomicFile.Write(path, stream => stream.Write("new"u8)));
        Assert.StartsWith($"{path} could not be written: ", error.Message);
        Assert.EndsWith("What was there before is unchanged. Free some space, or name a folder that exists and can be written to.", error.Message);
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
