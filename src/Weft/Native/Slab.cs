using System.Runtime.InteropServices;

namespace Weft.Native;

/// <summary>The head of a large block that holds small blocks of one size.</summary>
[StructLayout(LayoutKind.Sequential, Size = Block.Bytes)]
internal unsafe struct Slab
{
    /// <summary>Blocks that were used and freed.</summary>
    public Block* Free;

    /// <summary>Where the blocks that were never used begin.</summary>
    public Block* Untouched;

    /// <summary>The next slab of the same size with room.</summary>
    public Slab* Next;

    /// <summary>The slab with room before this one.</summary>
    public Slab* Previous;

    /// <summary>Blocks in use.</summary>
    public int Used;

    /// <summary>Blocks that fit.</summary>
    public int Capacity;

    /// <summary>The number of the size class.</summary>
    public int Class;
}
