using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>Where libtorch and TorchSharp's binding to it are looked for, in this order: a folder the user names, the program's own folders, the package folders.</summary>
internal sealed record LibtorchSearch
{
    /// <summary>The environment variable that names a folder with libtorch.</summary>
    public const string Variable = "WEFT_LIBTORCH";

    /// <summary>The libtorch that this TorchSharp is built for.</summary>
    public const string Version = "2.10.0";

    /// <summary>The value of <see cref="Variable"/>, or null.</summary>
    public string? Named { get; init; }

    /// <summary>Folders of the program, which may keep native libraries below them as packages do.</summary>
    public IReadOnlyList<string> ProgramFolders { get; init; } = [];

    /// <summary>Folders that the program's host takes native libraries from.</summary>
    public IReadOnlyList<string> HostFolders { get; init; } = [];

    /// <summary>Folders that hold NuGet packages as <c>id/version</c>.</summary>
    public IReadOnlyList<string> PackageFolders { get; init; } = [];

    /// <summary>The system as NuGet names it: linux-x64, win-x64, osx-arm64.</summary>
    public required string Runtime { get; init; }

    /// <summary>The version of the TorchSharp assembly in use.</summary>
    public required string TorchSharpVersion { get; init; }

    /// <summary>The search that this process makes.</summary>
    public static LibtorchSearch OfThisProcess()
    {
        var nuget = Environment.GetEnvironmentVariable("NUGET_PACKAGES");
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return new LibtorchSearch
        {
            Named = Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named ? named : null,
            ProgramFolders = Existing([AppContext.BaseDirectory]),
            HostFolders = Existing(Listed("NATIVE_DLL_SEARCH_DIRECTORIES")),
            PackageFolders = Whole([nuget ?? "", home.Length > 0 ? Path.Combine(home, ".nuget", "packages") : "", .. Listed("PROBING_DIRECTORIES")]), // missing ones too: a message says where a package would be looked for
            Runtime = RuntimeOfThisProcess(),
            TorchSharpVersion = typeof(torch).Assembly.GetName().Version?.ToString(3) ?? "",
        };
    }

    /// <summary>The folder that holds libtorch, or null; with <see cref="Named"/> set only that folder counts.</summary>
    public string? FindTorch() => TorchFolders().FirstOrDefault(folder => File.Exists(Path.Combine(folder, LibraryName("torch_cpu"))));

    /// <summary>The path of TorchSharp's binding, or null.</summary>
    public string? FindBinding() =>
        BindingFolders().Select(folder => Path.Combine(folder, LibraryName("LibTorchSharp"))).FirstOrDefault(File.Exists);

    /// <summary>The folders that <see cref="FindTorch"/> looks into, in order.</summary>
    public IEnumerable<string> TorchFolders()
    {
        if (Named is not null)
            return [Named, Path.Combine(Named, "lib"), Path.Combine(Named, "torch", "lib"), InPackage(Named)];
        var packages = PackageFolders.SelectMany(folder => Versions(Path.Combine(folder, $"libtorch-cpu-{Runtime}")));
        return [.. OwnFolders, .. packages.Select(InPackage)];
    }

    /// <summary>The folders that <see cref="FindBinding"/> looks into, in order.</summary>
    public IEnumerable<string> BindingFolders() =>
    [
        .. OwnFolders,
        .. PackageFolders.Select(f => InPackage(Path.Combine(f, "torchsharp", TorchSharpVersion))),
        .. Named is null ? [] : new[] { Named },
    ];

    /// <summary>The file name of a library on this search's system.</summary>
    public string LibraryName(string library) =>
        Runtime.StartsWith("win", StringComparison.Ordinal) ? $"{library}.dll"
        : Runtime.StartsWith("osx", StringComparison.Ordinal) ? $"lib{library}.dylib"
        : $"lib{library}.so";

    /// <summary>Says that libtorch was not found, where it was looked for, and how to get it.</summary>
    public string TorchMissing() => Named is not null
        ? $"{Variable} is {Named}, and neither it nor its lib folder holds {LibraryName("torch_cpu")}. {Remedy}"
        : $"libtorch is not found: no {LibraryName("torch_cpu")} in {Looked(TorchFolders(), $"libtorch-cpu-{Runtime}")}. {Remedy}";

    /// <summary>Says that TorchSharp's binding was not found, where it was looked for, and how to get it.</summary>
    public string BindingMissing() =>
        $"TorchSharp's binding is not found: no {LibraryName("LibTorchSharp")} in {Looked(BindingFolders(), "torchsharp")}. "
        + $"Add the package TorchSharp {TorchSharpVersion} to the program, or copy the file beside it.";

    private string Remedy =>
        $"Set {Variable} to a folder with libtorch {Version} (torch/lib of a Python installation serves), "
        + $"or put its package beside the others: dotnet package download libtorch-cpu-{Runtime}@{Version} --output {(PackageFolders.Count > 0 ? PackageFolders[0] : "~/.nuget/packages")} "
        + $"(in a project: dotnet add package libtorch-cpu-{Runtime} --version {Version})";

    private IEnumerable<string> OwnFolders => ProgramFolders.SelectMany(f => new[] { f, InPackage(f) }).Concat(HostFolders).Distinct(StringComparer.Ordinal);

    private string InPackage(string folder) => Path.Combine(folder, "runtimes", Runtime, "native");

    /// <summary>The version that fits, then others of the same minor version, newest first.</summary>
    private static IEnumerable<string> Versions(string package)
    {
        var series = Version[..(Version.LastIndexOf('.') + 1)];
        if (!Directory.Exists(package)) return [];
        return Directory.GetDirectories(package, $"{series}*")
            .OrderByDescending(folder => Path.GetFileName(folder) == Version)
            .ThenByDescending(folder => Path.GetFileName(folder), StringComparer.Ordinal);
    }

    /// <summary>The folders of a message: without those of .NET itself, where nobody would put libtorch.</summary>
    private string Looked(IEnumerable<string> folders, string package) => string.Join(", ",
        folders.Where(folder => !folder.Contains("Microsoft.NETCore.App", StringComparison.Ordinal)).Concat(PackageFolders.Select(folder => Path.Combine(folder, package))).Distinct(StringComparer.Ordinal));

    private static string[] Listed(string property) =>
        (AppContext.GetData(property) as string)?.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries) ?? [];

    private static List<string> Existing(IEnumerable<string> folders) => [.. Whole(folders).Where(Directory.Exists)];

    private static List<string> Whole(IEnumerable<string> folders) =>
        [.. folders.Where(f => f.Length > 0).Select(f => Path.TrimEndingDirectorySeparator(Path.GetFullPath(f))).Distinct(StringComparer.Ordinal)];

    private static string RuntimeOfThisProcess()
    {
        var system = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
    }
}
