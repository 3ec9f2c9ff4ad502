namespace Weft.Native;

/// <summary>Who gives tensors their memory on the CPU.</summary>
public enum TensorAllocator
{
    /// <summary>Weft's own allocator, which reuses and counts.</summary>
    Weft,

    /// <summary>The C library's malloc, told to keep what is freed.</summary>
    Tuned,

    /// <summary>The C library's malloc as it is.</summary>
    Off,
}
