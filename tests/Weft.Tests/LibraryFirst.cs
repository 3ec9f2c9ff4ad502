using System.Runtime.CompilerServices;
using Weft.Native;

namespace Weft.Tests;

/// <summary>Loads libtorch before any test: one that touches TorchSharp before Weft, run alone, would else not find it.</summary>
internal static class LibraryFirst
{
#pragma warning disable CA2255 // the program's own entry point belongs to the test framework
    [ModuleInitializer]
    internal static void Load() => Libtorch.Try();
#pragma warning restore CA2255
}
