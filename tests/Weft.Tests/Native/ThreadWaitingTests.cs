using System.Runtime.InteropServices;

namespace Weft.Tests.Native;

public sealed partial class ThreadWaitingTests
{
    [Fact]
    public void Threads_of_libtorch_wait_awake_only_briefly_unless_the_environment_says_how()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("libtorch waits by libgomp on Linux alone.");
        var said = Environment.GetEnvironmentVariable("GOMP_SPINCOUNT");
        var expected = said ?? (Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is null ? "5000" : null);
        Assert.Equal(expected, Marshal.PtrToStringUTF8(GetVariable("GOMP_SPINCOUNT"))); // what libgomp read when it was loaded
    }

    [LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint GetVariable(string name);
}
