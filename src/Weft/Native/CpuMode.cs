namespace Weft.Native;

/// <summary>How far Weft tunes libtorch to the processor.</summary>
public enum CpuMode
{
    /// <summary>Not at all: libtorch's own number of threads.</summary>
    Off,

    /// <summary>Threads fitted to the cores; results are the same bits with any number of threads where libtorch's are.</summary>
    Safe,

    /// <summary>As Safe, and MKL may use AVX-512 on AMD processors: up to twice as fast there, the last bits depend on the number of threads.</summary>
    Fast,
}
