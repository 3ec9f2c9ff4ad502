namespace Weft.Native;

/// <summary>The part of a run's records that says how it computed.</summary>
public sealed record CpuRecord
{
    /// <summary>Threads of one operation.</summary>
    public required int Threads { get; init; }

    /// <summary>The mode of the <see cref="CpuProfile"/>.</summary>
    public required CpuMode Mode { get; init; }

    /// <summary>Who gave tensors their memory.</summary>
    public required TensorAllocator Allocator { get; init; }

    /// <summary>The version of libtorch.</summary>
    public required string Libtorch { get; init; }

    /// <summary>The version of MKL in it.</summary>
    public required string Mkl { get; init; }

    /// <summary>Whether MKL was told to use AVX-512 on an AMD processor.</summary>
    public required bool IsMklUnlocked { get; init; }

    /// <summary>The version of oneDNN in it.</summary>
    public required string OneDnn { get; init; }

    /// <summary>The vector instructions that libtorch's own kernels use: DEFAULT, AVX2, AVX512.</summary>
    public required string Capability { get; init; }

    /// <summary>The processor's name.</summary>
    public required string Processor { get; init; }
}
