using Weft.Native;

namespace Weft.Tests.Native;

public sealed class LibtorchSearchTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("weft-test-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void The_named_folder_comes_before_the_programs_and_that_before_the_packages()
    {
        var packaged = Touch("packages/libtorch-cpu-linux-x64/2.10.0/runtimes/linux-x64/native/libtorch_cpu.so");
        Assert.Equal(packaged, Search().FindTorch());
        var below = Touch("app/runtimes/linux-x64/native/libtorch_cpu.so");
        Assert.Equal(below, Search().FindTorch());
        var beside = Touch("app/libtorch_cpu.so");
        Assert.Equal(beside, Search().FindTorch());
        var named = Touch("named/lib/libtorch_cpu.so");
        Assert.Equal(named, Search(named: "named").FindTorch());
    }

    [Fact]
    public void A_named_folder_without_libtorch_is_not_passed_over()
    {
        Touch("app/libtorch_cpu.so");
        var search = Search(named: "empty");
        Assert.Null(search.FindTorch());
        Assert.Equal(
            $"WEFT_LIBTORCH is {Path.Combine(root, "empty")}, and neither it nor its lib folder holds libtorch_cpu.so. "
            + "Set WEFT_LIBTORCH to a folder with libtorch 2.10.0 (torch/lib of a Python installation serves), "
            + $"or put its package beside the others: dotnet package download libtorch-cpu-linux-x64@2.10.0 --output {Path.Combine(root, "packages")} "
            + "(in a project: dotnet add package libtorch-cpu-linux-x64 --version 2.10.0)",
            search.TorchMissing());
    }

    [Fact]
    public void What_is_missing_is_said_with_every_place_and_the_way_out_in_one_line()
    {
        var message = Search().TorchMissing();
        Assert.StartsWith("libtorch is not found: no libtorch_cpu.so in ", message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(root, "app", "runtimes", "linux-x64", "native"), message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(root, "packages", "libtorch-cpu-linux-x64"), message, StringComparison.Ordinal);
        Assert.EndsWith("(in a project: dotnet add package libtorch-cpu-linux-x64 --version 2.10.0)", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void The_version_that_fits_is_taken_before_a_newer_one_of_its_series_and_no_other_series_at_all()
    {
        Touch("packages/libtorch-cpu-linux-x64/2.11.0/runtimes/linux-x64/native/libtorch_cpu.so");
        Assert.Null(Search().FindTorch());
        var newer = Touch("packages/libtorch-cpu-linux-x64/2.10.1/runtimes/linux-x64/native/libtorch_cpu.so");
        Assert.Equal(newer, Search().FindTorch());
        var fitting = Touch("packages/libtorch-cpu-linux-x64/2.10.0/runtimes/linux-x64/native/libtorch_cpu.so");
        Assert.Equal(fitting, Search().FindTorch());
    }

    [Fact]
    public void The_binding_is_looked_for_beside_the_program_then_in_its_package()
    {
        Assert.Null(Search().FindBinding());
        Assert.StartsWith("TorchSharp's binding is not found: no libLibTorchSharp.so in ", Search().BindingMissing(), StringComparison.Ordinal);
        Assert.EndsWith("Add the package TorchSharp 0.107.0 to the program, or copy the file beside it.", Search().BindingMissing(), StringComparison.Ordinal);
        var packaged = Touch("packages/torchsharp/0.107.0/runtimes/linux-x64/native/libLibTorchSharp.so");
        Assert.Equal(Path.Combine(packaged, "libLibTorchSharp.so"), Search().FindBinding());
        var beside = Touch("app/runtimes/linux-x64/native/libLibTorchSharp.so");
        Assert.Equal(Path.Combine(beside, "libLibTorchSharp.so"), Search().FindBinding());
    }

    [Theory]
    [InlineData("win-x64", "torch_cpu.dll")]
    [InlineData("osx-arm64", "libtorch_cpu.dylib")]
    [InlineData("linux-x64", "libtorch_cpu.so")]
    public void A_library_is_named_as_its_system_names_it(string runtime, string file) =>
        Assert.Equal(file, (Search() with { Runtime = runtime }).LibraryName("torch_cpu"));

    [Fact]
    public void This_process_searches_its_own_folder_and_fits_its_TorchSharp()
    {
        var search = LibtorchSearch.OfThisProcess();
        Assert.Contains(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory), search.ProgramFolders);
        Assert.Equal("0.107.0", search.TorchSharpVersion);
    }

    private LibtorchSearch Search(string? named = null) => new()
    {
        Named = named is null ? null : Path.Combine(root, named),
        ProgramFolders = [Path.Combine(root, "app")],
        PackageFolders = [Path.Combine(root, "packages")],
        Runtime = "linux-x64",
        TorchSharpVersion = "0.107.0",
    };

    /// <summary>Makes an empty file and yields its folder.</summary>
    private string Touch(string file)
    {
        var path = Path.Combine([root, .. file.Split('/')]);
        var folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(path, []);
        return folder;
    }
}
