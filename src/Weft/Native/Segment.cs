using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>A stretch of address space that begins with this header and a byte for each of its granules: 1 where it may hold memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Segment
{
    /// <summary>Bytes of address space, this header included.</summary>
    public long Size;

    /// <summary>Bytes of the granules that may hold memory.</summary>
    public long ResidentBytes;

    /// <summary>A new segment that holds one free block of at least this many bytes, or null when the system gives no more.</summary>
    public static Segment* Take(long bytes)
    {
        bytes += HeadBytes(bytes + 2 * SystemMemory.Granule);
        bytes = (bytes + SystemMemory.Granule - 1) & -SystemMemory.Granule;
        var segment = (Segment*)SystemMemory.Take(bytes);
        if (segment is null) return null;
        segment->Size = bytes;
        var first = segment->First;
        segment->Touch(first, Block.Bytes);
        *first = new Block { Size = (byte*)segment + bytes - (byte*)first, Owner = segment, IsLast = true };
        return segment;
    }

    /// <summary>The lowest block.</summary>
    public Block* First => (Block*)(Start + HeadBytes(Size));

    /// <summary>Notes that the first bytes of a block get memory, and yields how many bytes of pages had none before.</summary>
    public long Touch(Block* block, long bytes)
    {
        var (from, to) = ((byte*)block - Start, (byte*)block + bytes - Start - 1);
        var before = ResidentBytes;
        for (var page = from / SystemMemory.Granule; page <= to / SystemMemory.Granule; page++)
            if (Pages[page] == 0)
            {
                Pages[page] = 1;
                ResidentBytes += SystemMemory.Granule;
            }
        return ResidentBytes - before;
    }

    /// <summary>Hands back pages that lie wholly inside a free block, from its upper end down, until they hold this many bytes; yields how many they held.</summary>
    public long Release(Block* block, long bytes)
    {
        // the block's own header stays, and so do the granules shared with a neighbour
        var lowest = ((byte*)block + Block.Bytes - Start + SystemMemory.Granule - 1) / SystemMemory.Granule;
        var above = ((byte*)block + block->Size - Start) / SystemMemory.Granule;
        var released = 0L;
        var page = above;
        for (; page > lowest && released < bytes; page--)
            if (Pages[page - 1] != 0)
            {
                Pages[page - 1] = 0;
                released += SystemMemory.Granule;
            }
        if (released > 0) SystemMemory.Release(Start + page * SystemMemory.Granule, (above - page) * SystemMemory.Granule);
        ResidentBytes -= released;
        return released;
    }

    private byte* Start
    {
        get
        {
            fixed (Segment* self = &this) return (byte*)self;
        }
    }

    private byte* Pages => Start + sizeof(Segment);

    private static long HeadBytes(long size) => (sizeof(Segment) + size / SystemMemory.Granule + Block.Bytes - 1) & -Block.Bytes;
}
