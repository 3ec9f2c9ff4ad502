namespace Weft.Native;

/// <summary>The memory of all tensors: small and large blocks behind one lock, and the count of what is alive.</summary>
/// <remarks>Called from libtorch's threads, where a managed exception would end the process: nothing here throws or waits for a monitor.</remarks>
internal sealed unsafe class TensorHeap
{
    private const long MostBytes = 1L << 46;
    private readonly LargeBlocks large = new();
    private readonly SmallBlocks small;
    private int held;
    private long live, peak;

    public TensorHeap() => small = new SmallBlocks(large);

    /// <summary>Bytes that live tensors asked for.</summary>
    public long LiveBytes => Volatile.Read(ref live);

    /// <summary>The most bytes alive at once since the last reset.</summary>
    public long PeakBytes => Volatile.Read(ref peak);

    /// <summary>Bytes of memory held for tensors, alive or free.</summary>
    public long ReservedBytes => large.ResidentBytes;

    /// <summary>Bytes of address space held.</summary>
    public long MappedBytes => large.MappedBytes;

    /// <summary>The start of so many bytes, at a multiple of 64, or null when the system gives no more.</summary>
    public void* Allocate(nuint bytes)
    {
        if (bytes > MostBytes) return null;
        var size = (long)bytes + Block.Bytes;
        Lock();
        var block = Take(size);
        if (block is null)
        {
            TrimLocked();
            block = Take(size);
        }
        if (block is not null)
        {
            block->Requested = (long)bytes;
            live += (long)bytes;
            if (live > peak) peak = live;
        }
        Unlock();
        return block is null ? null : block + 1;
    }

    /// <summary>Frees what <see cref="Allocate"/> gave; false, and nothing done, for a pointer from elsewhere or one freed before.</summary>
    public bool Free(void* start)
    {
        var block = (Block*)start - 1;
        if (block->Mark != Block.InUse) return false;
        Lock();
        live -= block->Requested;
        if (block->IsSmall) small.Give(block);
        else large.Give(block);
        Unlock();
        return true;
    }

    /// <summary>The bytes asked for at a start that <see cref="Allocate"/> gave and nobody freed; null for a pointer from elsewhere.</summary>
    /// <remarks>The 64 bytes before the pointer must be readable.</remarks>
    public static long? BytesAt(void* start) => ((Block*)start - 1)->Mark == Block.InUse ? ((Block*)start - 1)->Requested : null;

    /// <summary>Begins a new count of the peak.</summary>
    public void ResetPeak()
    {
        Lock();
        peak = live;
        Unlock();
    }

    /// <summary>Gives the system back what no tensor uses.</summary>
    public void Trim()
    {
        Lock();
        TrimLocked();
        Unlock();
    }

    private Block* Take(long size) => size <= SmallBlocks.Largest ? small.Take(size) : large.Take(size);

    private void TrimLocked()
    {
        small.Trim();
        large.Trim();
    }

    private void Lock()
    {
        var spin = new SpinWait();
        while (Interlocked.CompareExchange(ref held, 1, 0) != 0) spin.SpinOnce(sleep1Threshold: -1);
    }

    private void Unlock() => Volatile.Write(ref held, 0);
}
