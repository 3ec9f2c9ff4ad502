using System.Numerics;

namespace Weft.Native;

/// <summary>
/// Blocks below 64 KiB in size classes of an eighth of an octave, cut from slabs of one class each; an empty slab goes back
/// to the large blocks as soon as its class has another one with room. Not synchronised; nothing throws.
/// </summary>
internal sealed unsafe class SmallBlocks(LargeBlocks large)
{
    /// <summary>The most bytes of a small block, its header included.</summary>
    public const long Largest = 64 << 10;

    private const long LargestSlab = 1 << 20, SmallestSlab = 64 << 10;
    private readonly Slab*[] roomy = new Slab*[16 + 6 * 8];

    /// <summary>A used block of at least this size, header included, or null when the system gives no more.</summary>
    public Block* Take(long size)
    {
        var (sizeClass, bytes) = ClassOf(size);
        var slab = roomy[sizeClass];
        if (slab is null && (slab = NewSlab(sizeClass, bytes)) is null) return null;
        var block = slab->Free;
        if (block is not null) slab->Free = block->Next;
        else
        {
            block = slab->Untouched;
            slab->Untouched = (Block*)((byte*)block + bytes);
            *block = new Block { Size = bytes, Owner = slab, IsSmall = true };
        }
        block->Mark = Block.InUse;
        if (++slab->Used == slab->Capacity) Remove(slab);
        return block;
    }

    /// <summary>Frees a used block.</summary>
    public void Give(Block* block)
    {
        var slab = (Slab*)block->Owner;
        block->Mark = 0;
        block->Next = slab->Free;
        slab->Free = block;
        if (slab->Used-- == slab->Capacity) Insert(slab);
        if (slab->Used > 0 || (slab->Next is null && slab->Previous is null)) return;
        Remove(slab);
        large.Give((Block*)slab - 1);
    }

    /// <summary>Gives the last empty slab of each class back too.</summary>
    public void Trim()
    {
        foreach (var first in roomy)
            for (Slab* slab = first, next; slab is not null; slab = next)
            {
                next = slab->Next;
                if (slab->Used > 0) continue;
                Remove(slab);
                large.Give((Block*)slab - 1);
            }
    }

    /// <summary>The class of a size and the bytes of its blocks: steps of 64 bytes up to 1 KiB, then eight steps an octave.</summary>
    private static (int Class, long Bytes) ClassOf(long size)
    {
        if (size <= 1024) return ((int)((size + 63) / 64) - 1, (size + 63) & -64);
        var octave = BitOperations.Log2((ulong)(size - 1));
        var step = 1L << (octave - 3);
        var bytes = (size + step - 1) & -step;
        return (16 + (octave - 10) * 8 + (int)((bytes - (1L << octave)) / step) - 1, bytes);
    }

    private Slab* NewSlab(int sizeClass, long bytes)
    {
        var block = large.Take(Math.Clamp(bytes * 32, SmallestSlab, LargestSlab));
        if (block is null) return null;
        var slab = (Slab*)(block + 1);
        var room = block->Size - Block.Bytes - sizeof(Slab);
        *slab = new Slab { Class = sizeClass, Capacity = (int)(room / bytes), Untouched = (Block*)(slab + 1) };
        Insert(slab);
        return slab;
    }

    private void Insert(Slab* slab)
    {
        var first = roomy[slab->Class];
        slab->Previous = null;
        slab->Next = first;
        if (first is not null) first->Previous = slab;
        roomy[slab->Class] = slab;
    }

    private void Remove(Slab* slab)
    {
        if (slab->Next is not null) slab->Next->Previous = slab->Previous;
        if (slab->Previous is not null) slab->Previous->Next = slab->Next;
        else roomy[slab->Class] = slab->Next;
        slab->Next = slab->Previous = null;
    }
}
