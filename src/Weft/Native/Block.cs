using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>What stands in the 64 bytes before every block of tensor memory, used or free.</summary>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct Block
{
    /// <summary>Bytes of this header; a block starts at a multiple of them, as libtorch's vector code wants its data.</summary>
    public const int Bytes = 64;

    /// <summary>The mark of a block in use: what is not marked so was not handed out here.</summary>
    public const long InUse = 0x5745_4654_5553_4544;

    /// <summary><see cref="InUse"/>, or something else.</summary>
    public long Mark;

    /// <summary>Bytes from this header to the end of the block.</summary>
    public long Size;

    /// <summary>Bytes that were asked for, without header and rounding.</summary>
    public long Requested;

    /// <summary>The <see cref="Segment"/> of a large block, the <see cref="Native.Slab"/> of a small one.</summary>
    public void* Owner;

    /// <summary>The neighbour below in the segment, or null for the first one.</summary>
    public Block* Below;

    /// <summary>The next free block of the same list.</summary>
    public Block* Next;

    /// <summary>The free block before this one in its list.</summary>
    public Block* Previous;

    /// <summary>Whether <see cref="Owner"/> is a slab.</summary>
    public bool IsSmall;

    /// <summary>Whether no neighbour stands above in the segment.</summary>
    public bool IsLast;

    /// <summary>Whether the block stands in a list of free ones.</summary>
    public bool IsFree;
}
