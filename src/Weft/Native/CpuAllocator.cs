using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>Puts a <see cref="TensorHeap"/> in the place of libtorch's CPU allocator.</summary>
/// <remarks>
/// The allocator is libtorch's own object with two entries of its method table replaced. Both lead through a few bytes of
/// machine code for two reasons. A failed allocation must end in the C++ exception that libtorch's callers expect: the code
/// jumps to the original function with no managed frame on the stack, and that one throws. And once the process is ending,
/// the code no longer calls into .NET, whose runtime may be gone when libtorch destroys its last tensors.
/// Bound to the layout of c10 2.10 on Linux x86-64, which is checked before anything is replaced.
/// </remarks>
internal static unsafe class CpuAllocator
{
    private const int AllocateEntry = 2, RawDeleterEntry = 4, Entries = 6, EntriesBefore = 2;
    private const int OffsetOfDeleter = 80, OffsetOfRawDeleter = 112, CodeBytes = 128;

    private static readonly TensorHeap heap = new();
    private static delegate* unmanaged[Cdecl]<void*, void> deleter;
    private static delegate* unmanaged[Cdecl]<void*, void> originalDeleter;

    /// <summary>The heap behind the allocator, empty where it is not installed.</summary>
    public static TensorHeap Heap => heap;

    /// <summary>Replaces the allocator; null, or the reason why libtorch keeps its own.</summary>
    public static string? Install(nint c10)
    {
        if (!NativeLibrary.TryGetExport(c10, "_ZN3c1022GetDefaultCPUAllocatorEv", out var get)
            || !NativeLibrary.TryGetExport(c10, "_ZN3c1015SetCPUAllocatorEPNS_9AllocatorEh", out var set))
            return "libc10 exports no CPU allocator";
        var original = ((delegate* unmanaged[Cdecl]<void**>)get)();
        var table = (void**)original[0];
        originalDeleter = ((delegate* unmanaged[Cdecl]<void*, delegate* unmanaged[Cdecl]<void*, void>>)table[RawDeleterEntry])(original);
        if (!HasTheKnownLayout(original, table)) return "the layout of libc10's allocator is not the one of 2.10";

        var ending = (byte*)NativeMemory.AllocZeroed(1);
        var code = SystemMemory.TakeCode(Code(original, table[AllocateEntry], ending));
        if (code is null) return "the system allows no new code";
        deleter = (delegate* unmanaged[Cdecl]<void*, void>)(code + OffsetOfDeleter);

        var copy = (void**)NativeMemory.Alloc((Entries + EntriesBefore) * (nuint)sizeof(void*));
        for (var i = 0; i < Entries + EntriesBefore; i++) copy[i] = table[i - EntriesBefore];
        copy[EntriesBefore + AllocateEntry] = code;
        copy[EntriesBefore + RawDeleterEntry] = code + OffsetOfRawDeleter;
        var replacement = (void**)NativeMemory.AllocZeroed(Block.Bytes);
        replacement[0] = copy + EntriesBefore;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Volatile.Write(ref *ending, 1);
        ((delegate* unmanaged[Cdecl]<void*, byte, void>)set)(replacement, 1);
        return null;
    }

    /// <summary>What an allocation returns (c10::DataPtr): the data, how to free it, what to free, and the device: type 0, no index.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct DataPointer
    {
        public void* Data;
        public void* Deleter;
        public void* Context;
        public sbyte DeviceType, DeviceIndex;
    }

    private static bool HasTheKnownLayout(void** original, void** table)
    {
        var probe = stackalloc DataPointer[2];
        var result = ((delegate* unmanaged[Cdecl]<DataPointer*, void*, nuint, DataPointer*>)table[AllocateEntry])(probe, original, 64);
        var known = result == probe && probe->Data is not null && probe->Data == probe->Context && probe->Deleter == originalDeleter
            && probe->DeviceType == 0 && probe->DeviceIndex == -1;
        if (known) originalDeleter(probe->Context);
        return known;
    }

    /// <summary>The three functions that the method table and every block point to.</summary>
    private static byte[] Code(void* original, void* originalAllocate, byte* ending)
    {
        var code = new byte[CodeBytes];
        var allocate = new List<byte>();
        allocate.AddRange([0x48, 0xB8, .. Address(ending)]);           // mov rax, ending
        allocate.AddRange([0x80, 0x38, 0x00, 0x75, 0x1A]);             // cmp byte [rax], 0; jne original
        allocate.AddRange([0x57, 0x56, 0x52]);                         // push rdi; push rsi; push rdx
        allocate.AddRange([0x48, 0xB8, .. Address((delegate* unmanaged[Cdecl]<DataPointer*, void*, nuint, int>)&Allocate)]); // mov rax, Allocate
        allocate.AddRange([0xFF, 0xD0, 0x5A, 0x5E, 0x5F]);             // call rax; pop rdx; pop rsi; pop rdi
        allocate.AddRange([0x85, 0xC0, 0x74, 0x04]);                   // test eax, eax; jz original
        allocate.AddRange([0x48, 0x89, 0xF8, 0xC3]);                   // mov rax, rdi; ret
        allocate.AddRange([0x48, 0xBE, .. Address(original)]);         // original: mov rsi, original
        allocate.AddRange([0x48, 0xB8, .. Address(originalAllocate)]); // mov rax, originalAllocate
        allocate.AddRange([0xFF, 0xE0]);                               // jmp rax
        allocate.CopyTo(code);

        var free = new List<byte>();
        free.AddRange([0x48, 0xB8, .. Address(ending)]);               // mov rax, ending
        free.AddRange([0x80, 0x38, 0x00, 0x75, 0x0C]);                 // cmp byte [rax], 0; jne done
        free.AddRange([0x48, 0xB8, .. Address((delegate* unmanaged[Cdecl]<void*, void>)&Free)]); // mov rax, Free
        free.AddRange([0xFF, 0xE0, 0xC3]);                             // jmp rax; done: ret
        free.CopyTo(code, OffsetOfDeleter);

        // raw_deleter: lea rax, [rip to the deleter]; ret
        byte[] raw = [0x48, 0x8D, 0x05, .. BitConverter.GetBytes(OffsetOfDeleter - (OffsetOfRawDeleter + 7)), 0xC3];
        raw.CopyTo(code, OffsetOfRawDeleter);
        return code;
    }

    private static byte[] Address(void* pointer) => BitConverter.GetBytes((long)pointer);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Allocate(DataPointer* result, void* self, nuint bytes)
    {
        var data = bytes == 0 ? null : heap.Allocate(bytes);
        if (data is null && bytes != 0) return 0;
        *result = new DataPointer { Data = data, Deleter = deleter, Context = data, DeviceIndex = -1 };
        return 1;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Free(void* start)
    {
        // what libtorch allocated itself, because the heap could not, comes back here by raw_deleter
        if (start is not null && !heap.Free(start)) originalDeleter(start);
    }
}
