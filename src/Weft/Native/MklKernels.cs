using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>Lets MKL, the library behind libtorch's float32 products, use AVX-512 on AMD processors: 2.3 times as fast on a Zen 5.</summary>
/// <remarks>
/// MKL asks whether the processor is Intel's and otherwise stays with AVX2. It keeps the answer in a variable that holds -1
/// until the first product. Writing 1 into it beforehand changes another library's state in memory, so it happens only
/// in <see cref="CpuMode.Fast"/>, is reported, and every assumption is checked first. Products then differ in their last
/// bits between numbers of threads.
/// </remarks>
internal static unsafe class MklKernels
{
    private const int Undecided = -1, Yes = 1;

    /// <summary>Writes the answer; null, or the reason why nothing was written.</summary>
    public static string? Unlock(nint torchCpu, CpuFeatures cpu)
    {
        if (WhyNotNeeded(cpu) is { } reason) return reason;
        if (!OperatingSystem.IsLinux()) return "only tried on Linux";
        var answers = new List<nint>();
        foreach (var name in new[] { "mkl_serv_intel_cpu_true", "mkl_serv_intel_cpu" })
        {
            if (!NativeLibrary.TryGetExport(torchCpu, name, out var function)) return $"this libtorch exports no {name}";
            if (AnswerOffset(new ReadOnlySpan<byte>((void*)function, 6)) is not { } offset) return $"{name} does not begin as expected";
            var answer = function + offset;
            if (!IsWritable(File.ReadLines("/proc/self/maps"), answer)) return $"the variable of {name} is not where it is expected";
            if (*(int*)answer is not (Undecided or Yes)) return "MKL has made its choice: the profile must be applied before the first product";
            answers.Add(answer);
        }
        foreach (var answer in answers) *(int*)answer = Yes;
        return null;
    }

    /// <summary>Why a processor gains nothing, or null where it does.</summary>
    public static string? WhyNotNeeded(CpuFeatures cpu) =>
        cpu.Vendor != "AuthenticAMD" ? $"only for AMD processors, this is {(cpu.Vendor.Length > 0 ? cpu.Vendor : cpu.Name)}"
        : !cpu.HasAvx512 ? "the processor has no AVX-512"
        : null;

    /// <summary>From the start of a function that begins with <c>mov eax, [rip + n]</c>, how far the variable lies; null for another beginning.</summary>
    public static int? AnswerOffset(ReadOnlySpan<byte> code) =>
        code is [0x8B, 0x05, ..] && code.Length >= 6 ? 6 + BinaryPrimitives.ReadInt32LittleEndian(code[2..]) : null;

    /// <summary>Whether lines of <c>/proc/self/maps</c> show the four bytes at an address as data that may be written.</summary>
    public static bool IsWritable(IEnumerable<string> maps, nint address)
    {
        foreach (var line in maps)
        {
            if (line.Split(' ', 3) is not [var range, var access, _] || range.Split('-') is not [var from, var to]) continue;
            if (address >= nint.Parse(from, NumberStyles.HexNumber, CultureInfo.InvariantCulture)
                && address + 4 <= nint.Parse(to, NumberStyles.HexNumber, CultureInfo.InvariantCulture))
                return access.StartsWith("rw-", StringComparison.Ordinal);
        }
        return false;
    }
}
