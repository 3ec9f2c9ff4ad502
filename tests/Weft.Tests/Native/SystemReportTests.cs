using Weft.Native;

namespace Weft.Tests.Native;

public sealed class SystemReportTests
{
    [Fact]
    public void The_self_test_finds_this_machine_sound_also_while_other_threads_make_and_free_tensors()
    {
        using var done = new ManualResetEventSlim();
        var other = new Thread(() =>
        {
            for (; !done.IsSet; Thread.Sleep(1))
                using (empty(16 << 20)) Thread.Sleep(1);
        });
        other.Start();
        try
        {
            for (var i = 0; i < 5; i++)
            {
                var results = SelfTest.Run();
                Assert.Equal(5, results.Count);
                Assert.All(results, result => Assert.True(result.IsOk, $"{result.Name}: {result.Value}"));
            }
        }
        finally
        {
            done.Set();
            other.Join();
        }
    }

    [Fact]
    public void The_report_says_what_this_process_stands_on()
    {
        var report = SystemReport.OfThisProcess();
        Assert.Null(report.LibtorchMissing);
        Assert.StartsWith("2.10.", report.Libtorch!.Version, StringComparison.Ordinal);
        Assert.True(report.MemoryBytes > 1L << 28);
        Assert.True(report.Cores.Logical >= report.Cores.Physical && report.Cores.Physical >= 1);
        Assert.True(report.AvailableBytes is null || report.AvailableBytes <= report.MemoryBytes);
        if (!OperatingSystem.IsLinux()) return;
        Assert.Matches(@"^2\.\d+$", report.Glibc);
        Assert.Matches(@"^GLIBCXX_3\.4\.\d\d$", report.Libstdcxx);
        Assert.Contains("oneAPI Math Kernel Library", report.Computing!.Mkl, StringComparison.Ordinal);
        Assert.Matches("^DEFAULT$|^AVX2$|^AVX512$", report.Computing.Capability);
    }

    [Fact]
    public void The_newest_symbol_version_is_the_highest_number() =>
        Assert.Equal("GLIBCXX_3.4.30", SystemReport.NewestLibstdcxx("\0GLIBCXX_3.4.9\0GLIBCXX_3.4.30\0GLIBCXX_3.4.5\0GLIBCXX_3.4.123\0"u8));
}
