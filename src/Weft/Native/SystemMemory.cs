using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>Anonymous pages of Linux on x86-64: taken, released and made executable. None of these throws.</summary>
internal static unsafe partial class SystemMemory
{
    /// <summary>Bytes that are taken and released together: a huge page, so that a system that makes these by itself can.</summary>
    public const long Granule = 2 << 20;

    private const int ReadWrite = 1 | 2, ReadExecute = 1 | 4;
    private const int Private = 0x02, Anonymous = 0x20, NoReserve = 0x4000;
    private const int DontNeed = 4;

    /// <summary>Zeroed bytes that start at a multiple of <see cref="Granule"/> and take no memory until they are written, or null.</summary>
    /// <param name="bytes">A multiple of <see cref="Granule"/>.</param>
    public static byte* Take(long bytes)
    {
        var raw = TakeRaw(bytes + Granule);
        if (raw is null) return null;
        var start = (byte*)(((long)raw + Granule - 1) & -Granule);
        var (before, after) = (start - raw, raw + Granule - start);
        if (before > 0) _ = munmap(raw, (nint)before);
        if (after > 0) _ = munmap(start + bytes, (nint)after);
        // huge pages are not asked for: memory is reused, so faults are few, and clearing huge ones costs seconds at the start
        return start;
    }

    /// <summary>Hands the pages inside a range back to the system; when next touched, anonymous ones read as zero and those of a file as the file.</summary>
    public static void Release(byte* start, long bytes) => _ = madvise(start, (nint)bytes, DontNeed);

    /// <summary>Gives a whole mapping back.</summary>
    public static void Return(byte* start, long bytes) => _ = munmap(start, (nint)bytes);

    /// <summary>A page that holds the code and runs it, or null where the system forbids new code.</summary>
    public static byte* TakeCode(ReadOnlySpan<byte> code)
    {
        var page = TakeRaw(Environment.SystemPageSize);
        if (page is null) return null;
        code.CopyTo(new Span<byte>(page, Environment.SystemPageSize));
        if (mprotect(page, Environment.SystemPageSize, ReadExecute) == 0) return page;
        _ = munmap(page, Environment.SystemPageSize);
        return null;
    }

    /// <summary>Tells glibc's malloc to keep freed blocks below 1 GiB instead of mapping and faulting them anew.</summary>
    /// <returns>Whether the C library knows the settings.</returns>
    public static bool KeepFreedMemory()
    {
        const int trimThreshold = -1, mapThreshold = -3;
        try
        {
            return mallopt(mapThreshold, 1 << 30) == 1 && mallopt(trimThreshold, int.MaxValue) == 1;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    private static byte* TakeRaw(long bytes)
    {
        var start = mmap(null, (nint)bytes, ReadWrite, Private | Anonymous | NoReserve, -1, 0);
        return (nint)start == -1 ? null : (byte*)start;
    }

    [LibraryImport("libc")]
    private static partial void* mmap(void* address, nint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc")]
    private static partial int munmap(void* address, nint bytes);

    [LibraryImport("libc")]
    private static partial int madvise(void* address, nint bytes, int advice);

    [LibraryImport("libc")]
    private static partial int mprotect(void* address, nint bytes, int protection);

    [LibraryImport("libc")]
    private static partial int mallopt(int parameter, int value);
}
