using System.IO.MemoryMappedFiles;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Weft.Native;

namespace Weft.Checkpoints;

/// <summary>A file mapped into memory for reading, which stays mapped until its checkpoint and the last tensor over it are gone.</summary>
internal sealed unsafe partial class MappedFile : IDisposable
{
    // libtorch's deleter is given the address of the data and nothing else, so the map is found by address
    private static readonly Lock gate = new();
    private static readonly List<MappedFile> mapped = [];

    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* start;
    private int holders = 1;
    private bool disposed;

    private MappedFile(string path, MemoryMappedFile file, MemoryMappedViewAccessor view, long length)
    {
        (Path, this.file, this.view, Length) = (path, file, view, length);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        start += view.PointerOffset;
    }

    public string Path { get; }

    /// <summary>Length of the file in bytes.</summary>
    public long Length { get; }

    /// <summary>Maps a file; its contents are not touched.</summary>
    /// <param name="path">The file.</param>
    /// <param name="shortest">Fewer bytes than this are refused, with <paramref name="rule"/> as the reason.</param>
    /// <param name="rule">What a shorter file breaks.</param>
    public static MappedFile Open(string path, int shortest, string rule)
    {
        var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        try
        {
            var length = RandomAccess.GetLength(handle);
            if (length < shortest) throw new InvalidDataException($"{path}: byte {length}: the file ends here; {rule}.");
            var file = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            var map = new MappedFile(path, file, file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read), length);
            lock (gate) mapped.Add(map);
            return map;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of the file, valid while this map is held.</summary>
    public ReadOnlySpan<byte> Bytes(long position, int count)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (position < 0 || count < 0 || position > Length - count) throw new ArgumentOutOfRangeException(nameof(position));
        return new(start + position, count);
    }

    /// <summary>The address of a byte of the file, valid while this map is held.</summary>
    public byte* Address(long position)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)position, (ulong)Length);
        return start + position;
    }

    /// <summary>A tensor whose memory is the file itself; one whose numbers are not aligned, or that is empty, has memory of its own.</summary>
    public Tensor Tensor(StoredTensor stored)
    {
        var shape = stored.Entry.Shape.ToArray();
        var address = Address(stored.Position);
        if (stored.Entry.Bytes == 0) return empty(shape, stored.Type);
        // a torch bool with a byte other than 0 and 1 is undefined behaviour in C++
        if (stored.Type == ScalarType.Bool) RefuseOtherThanZeroAndOne(stored);
        var count = 1L;
        foreach (var size in shape) count *= size;
        if (stored.Position % (stored.Entry.Bytes / count) != 0)
        {
            var copy = empty(shape, stored.Type);
            Buffer.MemoryCopy(address, Data(copy), stored.Entry.Bytes, stored.Entry.Bytes);
            return copy;
        }
        Hold();
        fixed (long* sizes = shape)
        {
            var handle = THSTensor_new(address, &Free, sizes, shape.Length, (sbyte)stored.Type, (sbyte)stored.Type, 0, -1, 0);
            if (handle == 0)
            {
                Release();
                CheckForErrors();
            }
            return torch.Tensor.UnsafeCreateTensor(handle);
        }
    }

    /// <summary>A tensor of the file in another type, or over the file itself where it has that type; a copy leaves none of the file's pages in memory.</summary>
    public Tensor Tensor(StoredTensor stored, ScalarType? type)
    {
        var own = Tensor(stored);
        if (type is null || type == own.dtype) return own;
        var converted = own.to(type.Value, disposeAfter: true);
        Forget(stored.Position, stored.Entry.Bytes);
        return converted;
    }

    /// <summary>Takes pages out of this process's memory; what is read there again comes from the file.</summary>
    public void Forget(long position, long bytes)
    {
        if (!OperatingSystem.IsLinux()) return;
        var page = Environment.SystemPageSize;
        var (first, end) = (((nint)Address(position) + page - 1) / page * page, (nint)Address(position + bytes) / page * page);
        if (end > first) SystemMemory.Release((byte*)first, end - first);
    }

    /// <summary>The address of a tensor's first number.</summary>
    public static byte* Data(Tensor tensor) => (byte*)THSTensor_data(tensor.Handle);

    public void Dispose()
    {
        lock (gate)
        {
            if (disposed) return;
            disposed = true;
        }
        Release();
    }

    private void RefuseOtherThanZeroAndOne(StoredTensor stored)
    {
        for (long at = 0; at < stored.Entry.Bytes; at += int.MaxValue)
        {
            var bytes = Bytes(stored.Position + at, (int)Math.Min(int.MaxValue, stored.Entry.Bytes - at));
            var wrong = bytes.IndexOfAnyExceptInRange((byte)0, (byte)1);
            if (wrong >= 0)
                throw new InvalidDataException($"{Path}: byte {stored.Position + at + wrong}: tensor \"{stored.Entry.Name}\" holds {bytes[wrong]}; a BOOL is 0 or 1.");
        }
    }

    private void Hold()
    {
        lock (gate) holders++;
    }

    private void Release()
    {
        lock (gate)
        {
            if (--holders > 0) return;
            mapped.Remove(this);
        }
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        file.Dispose();
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Free(void* data)
    {
        MappedFile? map;
        lock (gate) map = mapped.Find(m => data >= m.start && data < m.start + m.Length);
        map?.Release();
    }

    [LibraryImport("LibTorchSharp")]
    private static partial nint THSTensor_new(void* data, delegate* unmanaged[Cdecl]<void*, void> deleter, long* sizes, int dimensions,
        sbyte scalarType, sbyte type, int deviceType, int deviceIndex, byte requiresGrad);

    [LibraryImport("LibTorchSharp")]
    private static partial nint THSTensor_data(nint tensor);
}
