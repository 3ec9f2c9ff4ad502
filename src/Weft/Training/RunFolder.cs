using System.Globalization;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using Weft.Checkpoints;

namespace Weft.Training;

/// <summary>What a run leaves behind: <c>out/RECIPE-N</c>, written by one process at a time and never over another run.</summary>
public sealed class RunFolder : IDisposable
{
    private const string LockName = ".lock";
    private const string ProcessName = ".process"; // beside the lock, because a locked file cannot be read
    private const string ManifestName = "manifest.json";
    private static readonly JsonSerializerOptions json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly FileStream held;

    private RunFolder(string path, FileStream held)
    {
        Path = path;
        this.held = held;
        State = new StateFolder(System.IO.Path.Combine(path, "state"));
        BestPath = System.IO.Path.Combine(path, "best");
        FinishSwap(BestPath);
        Metrics = new MetricsLog(path);
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Saved states the run can be resumed from.</summary>
    public StateFolder State { get; }

    /// <summary>The numbers of the run.</summary>
    public MetricsLog Metrics { get; }

    /// <summary>The folder of the best adapter by evaluation; it is there once <see cref="KeepBest"/> was called.</summary>
    public string BestPath { get; }

    /// <summary>Makes the folder of a new run: PARENT/NAME, or the next free PARENT/RECIPE-N.</summary>
    /// <param name="parent">The folder of all runs; it is made where it is missing.</param>
    /// <param name="recipe">The name of the run file, without its ending.</param>
    /// <param name="name">A name for the run; null takes the next number.</param>
    /// <exception cref="IOException">A run of that name exists, or the folder cannot be made.</exception>
    public static RunFolder Create(string parent, string recipe, string? name = null)
    {
        try
        {
            if (name is not null)
            {
                var path = System.IO.Path.Combine(parent, name);
                return Claim(path) ?? throw Taken(path);
            }
            for (var number = LastNumber(parent, recipe) + 1; ; number++)
                if (Claim(System.IO.Path.Combine(parent, $"{recipe}-{number}")) is { } run) return run;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"No run folder can be made in {parent}: {e.Message.TrimEnd('.')}. Name a folder that can be written to.", e);
        }
    }

    /// <summary>Refuses a name that <see cref="Create"/> would refuse, before work is done for it.</summary>
    /// <param name="parent">The folder of all runs.</param>
    /// <param name="name">The name for the run.</param>
    /// <exception cref="IOException">A run, or a file, of that name exists.</exception>
    public static void RequireFree(string parent, string name)
    {
        if (System.IO.Path.Combine(parent, name) is var path && System.IO.Path.Exists(path)) throw Taken(path);
    }

    /// <summary>Opens the folder of a run that was interrupted.</summary>
    /// <param name="path">The run folder.</param>
    /// <exception cref="DirectoryNotFoundException">It is not there.</exception>
    /// <exception cref="IOException">Another process is writing it, or it cannot be written.</exception>
    public static RunFolder Resume(string path)
    {
        if (!Directory.Exists(path)) throw new DirectoryNotFoundException($"There is no run {path} to resume. Name a folder that an earlier run has made.");
        try
        {
            return Open(path, Lock(path, FileMode.OpenOrCreate));
        }
        catch (IOException) when (Holder(path) is { } process)
        {
            throw new IOException($"{path} is being written by process {process}. Wait until it ends, or start a new run under another name.");
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path} cannot be written: {e.Message.TrimEnd('.')}. Copy the run to a folder that can be written to.", e);
        }
    }

    /// <summary>Writes a text file of the run (the resolved run file, say); a crash leaves the old text or the new one.</summary>
    /// <param name="name">Name of the file.</param>
    /// <param name="text">Its text.</param>
    /// <exception cref="IOException">It could not be written.</exception>
    public void WriteText(string name, string text) => AtomicFile.Write(System.IO.Path.Combine(Path, name), text);

    /// <summary>Replaces the best adapter; the one before stays until the new one is whole.</summary>
    /// <param name="save">Saves the adapter into the folder it is given.</param>
    public void KeepBest(Action<string> save)
    {
        var fresh = $"{BestPath}.new";
        if (Directory.Exists(fresh)) Directory.Delete(fresh, recursive: true);
        Directory.CreateDirectory(fresh);
        save(fresh);
        var old = $"{BestPath}.old";
        if (Directory.Exists(BestPath)) Directory.Move(BestPath, old);
        Directory.Move(fresh, BestPath);
        if (Directory.Exists(old)) Directory.Delete(old, recursive: true);
    }

    /// <summary>Writes <c>manifest.json</c>: version of the code, and SHA-256 and bytes of what went in and of every file of the run.</summary>
    /// <param name="inputs">Files that went in, by what they are (<c>base</c>, <c>data</c> …), as they were when the run began.</param>
    public void WriteManifest(IReadOnlyDictionary<string, IReadOnlyList<InputFile>> inputs)
    {
        var outputs = Directory.EnumerateFiles(Path, "*", SearchOption.AllDirectories)
            .Select(f => System.IO.Path.GetRelativePath(Path, f).Replace('\\', '/'))
            .Where(f => f is not (ManifestName or LockName or ProcessName) && !f.StartsWith("state/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);
        var manifest = new
        {
            Weft = typeof(RunFolder).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion,
            Threads = get_num_threads(),
            Inputs = inputs.ToDictionary(i => i.Key, i => i.Value.Select(f => Entry(f.Path, f.Bytes, f.Sha256)).ToList()),
            Outputs = outputs.Select(f => (Name: f, File: System.IO.Path.Combine(Path, f))).Select(f => Entry(f.Name, new FileInfo(f.File).Length, FileHash.Of(f.File))).ToList(),
        };
        AtomicFile.Write(System.IO.Path.Combine(Path, ManifestName), s => JsonSerializer.Serialize(s, manifest, json));
    }

    /// <summary>Lets other processes write the folder.</summary>
    public void Dispose()
    {
        Metrics.Dispose();
        try
        {
            File.Delete(System.IO.Path.Combine(Path, ProcessName));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // it is only a word to whoever finds the folder held
        }
        held.Dispose();
    }

    private static Dictionary<string, object?> Entry(string name, long bytes, string? hash) => new() { ["file"] = name, ["bytes"] = bytes, ["sha256"] = hash };

    private static IOException Taken(string path) => new($"{path} exists and is not overwritten. Resume that run with --resume, or give this one another name.");

    // null when another run has the name; making the lock file decides between two processes that want it at once
    private static RunFolder? Claim(string path)
    {
        if (Directory.Exists(path) || File.Exists(path)) return null;
        Directory.CreateDirectory(path);
        FileStream held;
        try
        {
            held = Lock(path, FileMode.CreateNew);
        }
        catch (IOException) when (File.Exists(System.IO.Path.Combine(path, LockName)))
        {
            return null;
        }
        return Open(path, held);
    }

    private static FileStream Lock(string path, FileMode mode) => new(System.IO.Path.Combine(path, LockName), mode, FileAccess.ReadWrite, FileShare.None);

    private static RunFolder Open(string path, FileStream held)
    {
        try
        {
            File.WriteAllText(System.IO.Path.Combine(path, ProcessName), Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
            return new RunFolder(path, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    // the process that holds the lock; null when none does
    private static string? Holder(string path)
    {
        var file = System.IO.Path.Combine(path, LockName);
        if (!File.Exists(file)) return null;
        try
        {
            using var free = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return null;
        }
        catch (IOException)
        {
            var process = System.IO.Path.Combine(path, ProcessName);
            return File.Exists(process) ? File.ReadAllText(process) : "unknown";
        }
    }

    // The old best is moved away only when the new one is whole, so where the old one is out of its place the new one can be trusted.
    private static void FinishSwap(string path)
    {
        var (fresh, old) = ($"{path}.new", $"{path}.old");
        if (!Directory.Exists(path) && Directory.Exists(old)) Directory.Move(Directory.Exists(fresh) ? fresh : old, path);
        foreach (var rest in (string[])[fresh, old])
            if (Directory.Exists(rest)) Directory.Delete(rest, recursive: true);
    }

    private static int LastNumber(string parent, string recipe) =>
        Directory.Exists(parent)
            ? Directory.EnumerateFileSystemEntries(parent, $"{recipe}-*")
                .Select(f => System.IO.Path.GetFileName(f)[(recipe.Length + 1)..])
                .Select(n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0)
                .DefaultIfEmpty(0).Max()
            : 0;
}
