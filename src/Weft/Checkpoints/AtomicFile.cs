using System.Runtime.InteropServices;
using System.Text;

namespace Weft.Checkpoints;

/// <summary>Writing a file so that at any moment its name stands for the whole old content or the whole new one.</summary>
public static partial class AtomicFile
{
    /// <summary>Writes into a temporary file of the same folder, flushes it to the disk and gives it its name; what goes wrong removes it.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="content">Writes the content. What it throws is passed on.</param>
    /// <exception cref="IOException">The folder is missing or not writable, or the disk is full. The file that was there is unchanged.</exception>
    public static void Write(string path, Action<Stream> content)
    {
        var full = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(full) ?? throw new IOException($"{path} could not be written: it is not a name of a file.");
        var temporary = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        var stream = Create(path, folder, temporary);
        try
        {
            using (stream)
            {
                content(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, full, overwrite: true);
            FlushFolder(folder);
        }
        catch (Exception e)
        {
            Remove(temporary);
            if (e is UnauthorizedAccessException || e.GetType() == typeof(IOException)) throw NotWritten(path, folder, temporary, e);
            throw;
        }
    }

    /// <summary>Writes a text as UTF-8 without a byte order mark, likewise.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="text">The text.</param>
    /// <exception cref="IOException">The folder is missing or not writable, or the disk is full. The file that was there is unchanged.</exception>
    public static void Write(string path, string text) => Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes some files of a folder: all of them whole before the first takes its name, then one right after the other.</summary>
    /// <param name="folder">The folder; made where it is absent.</param>
    /// <param name="content">Writes the files into the folder it is given.</param>
    /// <exception cref="IOException">The folder is not writable, or the disk is full. What was there is unchanged.</exception>
    internal static void WriteInto(string folder, Action<string> content)
    {
        var temporary = Path.Combine(folder, $".{Guid.NewGuid():N}.tmp");
        try
        {
            Directory.CreateDirectory(temporary);
            content(temporary);
            var files = Directory.GetFiles(temporary).Select(f => (From: f, To: Path.Combine(folder, Path.GetFileName(f)))).ToList();
            foreach (var (_, to) in files)
                if (Directory.Exists(to)) throw new IOException($"{to} is a folder");
            foreach (var (from, to) in files) File.Move(from, to, overwrite: true);
            FlushFolder(folder);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || e.GetType() == typeof(IOException))
        {
            if (e.InnerException is not null) throw new IOException(e.Message.Replace(temporary, folder, StringComparison.Ordinal), e.InnerException);
            throw NotWritten(folder, folder, temporary, e);
        }
        finally
        {
            RemoveFolder(temporary);
        }
    }

    private static FileStream Create(string path, string folder, string temporary)
    {
        try
        {
            return new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(path, folder, temporary, e);
        }
    }

    private static IOException NotWritten(string path, string folder, string temporary, Exception reason) =>
        new($"{path} could not be written: {reason.Message.Replace(temporary, folder, StringComparison.Ordinal).TrimEnd('.')}. " +
            "What was there before is unchanged. Free some space, or name a folder that exists and can be written to.", reason);

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // the reason why the content could not be written is the one worth telling
        }
    }

    /// <summary>Removes a folder that is not needed any more, where that is possible: one that stays costs space and nothing else.</summary>
    internal static void RemoveFolder(string folder)
    {
        try
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // what it was in the way of is worth more than it
        }
    }

    // a rename lasts through a power cut only once the folder itself is on the disk; .NET opens no folders
    private static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = open(folder, 0);
        if (descriptor < 0) return;
        _ = fsync(descriptor);
        _ = close(descriptor);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc")]
    private static partial int fsync(int descriptor);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
