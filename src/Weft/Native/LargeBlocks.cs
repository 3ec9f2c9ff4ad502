using System.Numerics;

namespace Weft.Native;

/// <summary>
/// Blocks of 64 KiB and more, cut from segments of address space: the best-fitting free block is split, freed neighbours
/// join, and pages of free blocks go back to the system when more is held than the recent peak of use needs.
/// Not synchronised; nothing throws.
/// </summary>
/// <remarks>
/// Address space costs nothing, pages do. So segments are generous and never compacted, while
/// <see cref="ResidentBytes"/> (the 2 MiB granules behind used and free blocks) is kept near the peak of
/// <see cref="UsedBytes"/>, which is what keeps batches of ever new lengths from piling up memory.
/// </remarks>
internal sealed unsafe class LargeBlocks
{
    private const int PageBytes = 4096;
    private const long SegmentBytes = 256 << 20;
    private const long SmallestRest = 64 << 10;
    private const long SpareBytes = 32 << 20;
    private const int TakesPerWindow = 8192;
    private const int LongestSearch = 32;
    private const int Lists = 36 * 8;

    private readonly Block*[] free = new Block*[Lists];
    private readonly ulong[] occupied = new ulong[(Lists + 63) / 64];
    private long earlierPeak, peak;
    private int takes;

    /// <summary>Bytes in used blocks, headers and rounding included.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Bytes that pages may stand behind, in used and free blocks.</summary>
    public long ResidentBytes { get; private set; }

    /// <summary>Bytes of address space taken from the system.</summary>
    public long MappedBytes { get; private set; }

    /// <summary>A used block of at least this size, header included, or null when the system gives no more.</summary>
    public Block* Take(long size)
    {
        size = (size + PageBytes - 1) & -PageBytes;
        var block = BestFit(size);
        if (block is null && (block = TakeSegment(size)) is null) return null;
        Remove(block);
        if (block->Size - size >= SmallestRest) Split(block, size);
        var fresh = ((Segment*)block->Owner)->Touch(block, block->Size);
        block->Mark = Block.InUse;
        UsedBytes += block->Size;
        ResidentBytes += fresh;
        peak = Math.Max(peak, UsedBytes);
        if (++takes == TakesPerWindow) (takes, earlierPeak, peak) = (0, peak, UsedBytes);
        if (fresh > 0 || takes == 0) Shrink(Limit);
        return block;
    }

    /// <summary>Frees a used block.</summary>
    public void Give(Block* block)
    {
        UsedBytes -= block->Size;
        block->Mark = 0;
        if (!block->IsLast && Above(block) is var above && above->IsFree)
        {
            Remove(above);
            Join(block, above);
        }
        if (block->Below is var below && below is not null && below->IsFree)
        {
            Remove(below);
            Join(below, block);
            block = below;
        }
        Insert(block);
    }

    /// <summary>Gives pages of free blocks back until no more than this many bytes are resident, as far as free blocks hold them.</summary>
    public void Shrink(long bytes)
    {
        for (var list = Lists - 1; list >= 0 && ResidentBytes > bytes; list--)
            for (var block = free[list]; block is not null && ResidentBytes > bytes; block = block->Next)
                ResidentBytes -= ((Segment*)block->Owner)->Release(block, ResidentBytes - bytes);
    }

    /// <summary>Gives all pages of free blocks back, and whole segments that nothing uses.</summary>
    public void Trim()
    {
        Shrink(0);
        for (var list = 0; list < Lists; list++)
            for (Block* block = free[list], next; block is not null; block = next)
            {
                next = block->Next;
                if (block->Below is not null || !block->IsLast) continue;
                var segment = (Segment*)block->Owner;
                Remove(block);
                ResidentBytes -= segment->ResidentBytes;
                MappedBytes -= segment->Size;
                SystemMemory.Return((byte*)segment, segment->Size);
            }
    }

    /// <summary>A tenth above the most that the last two windows used at once, and a little to start with.</summary>
    private long Limit => Math.Max(peak, earlierPeak) / 10 * 11 + SpareBytes;

    private static Block* Above(Block* block) => (Block*)((byte*)block + block->Size);

    /// <summary>Lists hold sizes of an eighth of an octave, so a block of a later list always fits.</summary>
    private static int ListOf(long size)
    {
        var octave = BitOperations.Log2((ulong)size);
        return Math.Min((octave - 12) * 8 + (int)((size >> (octave - 3)) & 7), Lists - 1);
    }

    private Block* BestFit(long size)
    {
        for (var list = ListOf(size); (list = FirstOccupied(list)) >= 0; list++)
        {
            Block* best = null;
            var block = free[list];
            for (var seen = 0; block is not null && seen < LongestSearch; seen++, block = block->Next)
                if (block->Size >= size && (best is null || block->Size < best->Size)) best = block;
            if (best is not null) return best;
        }
        return null;
    }

    private int FirstOccupied(int list)
    {
        for (var word = list / 64; word < occupied.Length; word++)
        {
            var bits = occupied[word];
            if (word == list / 64) bits &= ~0UL << (list % 64);
            if (bits != 0) return word * 64 + BitOperations.TrailingZeroCount(bits);
        }
        return -1;
    }

    private Block* TakeSegment(long size)
    {
        var segment = Segment.Take(Math.Max(SegmentBytes, size));
        if (segment is null && size < SegmentBytes) segment = Segment.Take(size);
        if (segment is null) return null;
        MappedBytes += segment->Size;
        ResidentBytes += segment->ResidentBytes;
        Insert(segment->First);
        return segment->First;
    }

    private void Split(Block* block, long size)
    {
        var rest = (Block*)((byte*)block + size);
        ResidentBytes += ((Segment*)block->Owner)->Touch(rest, Block.Bytes);
        *rest = new Block { Size = block->Size - size, Owner = block->Owner, Below = block, IsLast = block->IsLast };
        if (!rest->IsLast) Above(rest)->Below = rest;
        (block->Size, block->IsLast) = (size, false);
        Insert(rest);
    }

    private static void Join(Block* lower, Block* upper)
    {
        lower->Size += upper->Size;
        lower->IsLast = upper->IsLast;
        if (!lower->IsLast) Above(lower)->Below = lower;
    }

    private void Insert(Block* block)
    {
        var list = ListOf(block->Size);
        block->Previous = null;
        block->Next = free[list];
        block->IsFree = true;
        if (free[list] is not null) free[list]->Previous = block;
        free[list] = block;
        occupied[list / 64] |= 1UL << (list % 64);
    }

    private void Remove(Block* block)
    {
        var list = ListOf(block->Size);
        if (block->Next is not null) block->Next->Previous = block->Previous;
        if (block->Previous is not null) block->Previous->Next = block->Next;
        else if ((free[list] = block->Next) is null) occupied[list / 64] &= ~(1UL << (list % 64));
        block->IsFree = false;
    }
}
