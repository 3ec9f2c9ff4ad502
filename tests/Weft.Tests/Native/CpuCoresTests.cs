using Weft.Native;

namespace Weft.Tests.Native;

public sealed class CpuCoresTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("weft-test-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData("0-3,8,10-11", "0 1 2 3 8 10 11")]
    [InlineData(" 5\n", "5")]
    [InlineData("3,1,1-2", "1 2 3")]
    [InlineData("", "")]
    [InlineData("a-b", "")]
    [InlineData("0-99999999", "")]
    [InlineData("1-2-3", "")]
    public void A_list_of_processors_is_read(string text, string numbers) =>
        Assert.Equal(numbers, string.Join(' ', CpuCores.ParseList(text)));

    [Theory]
    [InlineData("max 100000", null)]
    [InlineData("150000 100000", 1.5)]
    [InlineData("nonsense", null)]
    [InlineData(null, null)]
    public void The_quota_of_version_2_is_read(string? text, double? quota) => Assert.Equal(quota, ControlGroup.ParseCpuMax(text));

    [Theory]
    [InlineData("0::/a/b", "/a/b")]
    [InlineData("4:cpu,cpuacct:/x", "/x")]
    [InlineData("3:cpuset:/y", null)]
    [InlineData("9:name=systemd:/", null)]
    [InlineData("rubbish", null)]
    public void The_path_of_the_group_is_read(string line, string? path) => Assert.Equal(path, ControlGroup.ParsePath(line, "cpu"));

    [Fact]
    public void Siblings_count_once_and_only_where_the_process_may_run()
    {
        // four cores of two threads each (0 with 4, 1 with 5, …), of which the process may use threads 0, 1, 4, 6
        Write("proc/self/status", "Name:\tx\nCpus_allowed:\t53\nCpus_allowed_list:\t0-1,4,6\n");
        for (var cpu = 0; cpu < 8; cpu++) Write($"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list", $"{cpu % 4},{cpu % 4 + 4}\n");
        Assert.Equal(new CpuCores(4, 3, null), CpuCores.Read(root));
        Assert.Equal(3, CpuCores.Read(root).Threads);
    }

    [Fact]
    public void The_tightest_group_above_the_process_decides()
    {
        Write("proc/self/status", "Cpus_allowed_list:\t0-7\n");
        Write("proc/self/cgroup", "0::/outer/inner\n");
        Write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
        Write("sys/fs/cgroup/outer/cpu.max", "250000 100000\n");
        Write("sys/fs/cgroup/outer/memory.max", "1000000\n");
        Write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
        Assert.Equal(new CpuCores(8, 8, 2.5), CpuCores.Read(root));
        Assert.Equal(2, CpuCores.Read(root).Threads);
        Assert.Equal(1_000_000, ControlGroup.MemoryLimit(root));
    }

    [Fact]
    public void Version_1_is_read_from_its_controllers_folder()
    {
        Write("proc/self/status", "Cpus_allowed_list:\t0-3\n");
        Write("proc/self/cgroup", "4:memory:/job\n3:cpu,cpuacct:/job\n");
        Write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "50000\n");
        Write("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
        Write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
        Assert.Equal(new CpuCores(4, 4, 0.5), CpuCores.Read(root));
        Assert.Equal(1, CpuCores.Read(root).Threads);
        Assert.Null(ControlGroup.MemoryLimit(root));
    }

    [Fact]
    public void Nothing_to_read_leaves_what_the_runtime_counts() =>
        Assert.Equal(new CpuCores(Environment.ProcessorCount, Environment.ProcessorCount, null), CpuCores.Read(root));

    private void Write(string file, string text)
    {
        var path = Path.Combine(root, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
