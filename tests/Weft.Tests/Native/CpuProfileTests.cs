using System.Globalization;
using Weft.Native;

namespace Weft.Tests.Native;

public sealed class CpuProfileTests
{
    [Fact]
    public void Threads_are_set_and_recorded()
    {
        var before = get_num_threads();
        try
        {
            Assert.Equal(1, CpuProfile.Apply(threads: 1).Threads);
            Assert.Equal(1, get_num_threads());
            Assert.Equal(CpuCores.OfThisProcess().Threads, CpuProfile.Apply().Threads);
            var record = CpuProfile.Describe();
            Assert.Equal((CpuMode.Safe, Libtorch.Loaded!.Version, false), (record.Mode, record.Libtorch, record.IsMklUnlocked));
            Assert.True(CpuProfile.Current!.IsDeterministic);
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void No_thread_at_all_is_refused()
    {
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => CpuProfile.Apply(threads: 0));
        Assert.StartsWith("An operation needs at least one thread", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MKL_is_left_alone_where_it_gains_nothing()
    {
        Assert.Equal("only for AMD processors, this is GenuineIntel", MklKernels.WhyNotNeeded(new CpuFeatures { Vendor = "GenuineIntel", HasAvx512 = true }));
        Assert.Equal("only for AMD processors, this is Arm64", MklKernels.WhyNotNeeded(new CpuFeatures { Name = "Arm64" }));
        Assert.Equal("the processor has no AVX-512", MklKernels.WhyNotNeeded(new CpuFeatures { Vendor = "AuthenticAMD", HasAvx2 = true }));
        Assert.Null(MklKernels.WhyNotNeeded(new CpuFeatures { Vendor = "AuthenticAMD", HasAvx512 = true }));
        Assert.Equal("only for AMD processors, this is GenuineIntel",
            MklKernels.Unlock(Libtorch.Loaded!.TorchCpu, new CpuFeatures { Vendor = "GenuineIntel", HasAvx512 = true }));
    }

    [Fact]
    public void The_variable_is_found_only_behind_the_expected_instruction()
    {
        Assert.Equal(6 + 0x100, MklKernels.AnswerOffset([0x8B, 0x05, 0x00, 0x01, 0x00, 0x00]));
        Assert.Equal(6 - 2, MklKernels.AnswerOffset([0x8B, 0x05, 0xFE, 0xFF, 0xFF, 0xFF]));
        Assert.Null(MklKernels.AnswerOffset([0x8B, 0x15, 0x00, 0x01, 0x00, 0x00]));
        Assert.Null(MklKernels.AnswerOffset([0x8B, 0x05]));
    }

    [Theory]
    [InlineData("1008", true)]
    [InlineData("1ffc", true)]
    [InlineData("1ffd", false)]
    [InlineData("2000", false)]
    [InlineData("9000", false)]
    public void Only_data_that_may_be_written_is_written(string address, bool writable)
    {
        string[] maps = ["1000-2000 rw-p 00000000 08:01 5 /lib/x.so", "2000-3000 r-xp 00000000 08:01 5 /lib/x.so", "odd line"];
        Assert.Equal(writable, MklKernels.IsWritable(maps, nint.Parse(address, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void The_real_library_has_the_variable_where_it_is_expected()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("The layout is that of Linux.");
        foreach (var name in new[] { "mkl_serv_intel_cpu_true", "mkl_serv_intel_cpu" })
        {
            var function = System.Runtime.InteropServices.NativeLibrary.GetExport(Libtorch.Loaded!.TorchCpu, name);
            var code = new byte[6];
            System.Runtime.InteropServices.Marshal.Copy(function, code, 0, code.Length);
            Assert.True(MklKernels.IsWritable(File.ReadLines("/proc/self/maps"), function + MklKernels.AnswerOffset(code)!.Value), name);
        }
    }
}
