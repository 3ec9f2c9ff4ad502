using System.Runtime.InteropServices;
using System.Text;
using Weft.Native;

namespace Weft.Tests.Native;

public sealed class BindingPatchTests
{
    [Fact]
    public void Only_the_name_its_version_and_one_flag_change()
    {
        var original = Binding();
        var patched = BindingPatch.Apply(original);
        Assert.Equal(original.Length, patched.Length);
        var changed = Enumerable.Range(0, original.Length).Where(i => original[i] != patched[i]).ToArray();
        // 27 characters of a name, 2 bytes of a version's number, 2 of flags; a byte that stays the same is not counted
        Assert.InRange(changed.Length, 3, 31);
        // the dynamic symbols' strings come first; the linker's own table at the end, which nothing loads, keeps its copy
        var name = Find(original, "_ZSt21ios_base_library_initv");
        Assert.Equal("_ZNSt8ios_base4InitC1Ev", Encoding.ASCII.GetString(patched, name, 23));
        Assert.All(patched[(name + 23)..(name + 28)], b => Assert.Equal(0, b));
        // outside the name, only the version's number and the weak flag
        var outside = changed.Where(i => i < name || i >= name + 28).ToArray();
        Assert.InRange(outside.Length, 2, 4);
        Assert.Single(outside, i => original[i] == 0 && patched[i] == 2);
    }

    [Fact]
    public void The_patched_copy_loads_on_this_system()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("The fallback is for Linux.");
        var folder = Directory.CreateTempSubdirectory("weft-test-");
        try
        {
            var copy = Path.Combine(folder.FullName, "libLibTorchSharp.so");
            File.WriteAllBytes(copy, BindingPatch.Apply(Binding()));
            Assert.True(NativeLibrary.TryGetExport(NativeLibrary.Load(copy), "THSTensor_new", out _));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void What_is_no_such_library_is_refused()
    {
        Assert.Equal("this is no 64-bit ELF file", Assert.Throws<InvalidDataException>(() => BindingPatch.Apply("MZ and so on"u8)).Message);
        Assert.Throws<InvalidDataException>(() => BindingPatch.Apply([]));
        var binding = Binding();
        Assert.Throws<InvalidDataException>(() => BindingPatch.Apply(binding.AsSpan(0, 4096)));
        Assert.Equal("it does not bind _ZSt21ios_base_library_initv",
            Assert.Throws<InvalidDataException>(() => BindingPatch.Apply(BindingPatch.Apply(binding))).Message);
    }

    [Fact]
    public void A_damaged_library_is_refused_or_patched_but_nothing_else_happens()
    {
        var binding = Binding();
        var random = new Random(5);
        for (var round = 0; round < 200; round++)
        {
            var damaged = binding.ToArray();
            for (var i = 0; i < 4; i++) damaged[random.Next(64)] = (byte)random.Next(256);
            if (Record.Exception(() => BindingPatch.Apply(damaged)) is { } e) Assert.IsType<InvalidDataException>(e);
        }
    }

    [Theory]
    [InlineData("version `GLIBCXX_3.4.30' not found (required by x)", "it must be that of GCC 12 or later (GLIBCXX_3.4.30)")]
    [InlineData("version `GLIBC_2.34' not found", "glibc 2.35 or later is needed")]
    [InlineData("libtorch.so: cannot open shared object file", "A library it names is missing or is of another version.")]
    public void Another_cause_is_told_apart(string error, string way)
    {
        var e = Assert.Throws<DllNotFoundException>(() => LibstdcxxFallback.Load("/x/libLibTorchSharp.so", error));
        Assert.StartsWith($"TorchSharp's binding /x/libLibTorchSharp.so does not load: {error}", e.Message, StringComparison.Ordinal);
        Assert.Contains(way, e.Message, StringComparison.Ordinal);
    }

    private static byte[] Binding()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("The fallback is for Linux.");
        return File.ReadAllBytes(Libtorch.Loaded!.Binding);
    }

    private static int Find(byte[] bytes, string text) => bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(text));
}
