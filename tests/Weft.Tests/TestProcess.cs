using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weft.Native;

// libtorch has one random generator, one count of tensors and one number of threads for the whole process, and uses all cores by itself.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace Weft.Tests;

/// <summary>What the process of the tests needs before any of them.</summary>
internal static partial class TestProcess
{
    private const int Interrupt = 2;
    private const nint Default = 0, Ignore = 1;

#pragma warning disable CA2255 // the program's own entry point belongs to the test framework
    /// <summary>Loads libtorch, which a test that touches TorchSharp before Weft would else not find, and listens to Ctrl-C again where the shell switched that off.</summary>
    [ModuleInitializer]
    internal static void SetUp()
    {
        Libtorch.Try();
        if (!OperatingSystem.IsWindows()) ListenToInterrupts();
    }
#pragma warning restore CA2255

    // A script that runs the tests in the background starts them with the signal ignored, and so would be every process that a test starts and interrupts.
    private static void ListenToInterrupts()
    {
        var before = Signal(Interrupt, Default);
        if (before != Ignore) Signal(Interrupt, before);
    }

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int number, nint handler);
}
