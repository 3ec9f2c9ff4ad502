using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>How libtorch's threads wait for one another: awake for a while, then asleep.</summary>
internal static partial class ThreadWaiting
{
    private const string Spins = "GOMP_SPINCOUNT", Policy = "OMP_WAIT_POLICY";

    // libgomp's own 300,000 rounds are a millisecond: beside other busy processes each of libtorch's many short loops then
    // waits awake for a thread that the system has put aside, and training slows down several times over (docs/log.md).
    private const string Rounds = "5000";

    /// <summary>Shortens the wait unless the user's environment says how to wait. libgomp reads it when it is loaded, so this comes before libtorch.</summary>
    public static void Shorten()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable(Policy) is not null) return;
        _ = SetVariable(Spins, Rounds, overwrite: 0); // .NET's own variables do not reach a native library
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
