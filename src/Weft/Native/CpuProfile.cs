namespace Weft.Native;

/// <summary>How this process computes on the CPU: what a run records so that its bits can be had again.</summary>
public sealed record CpuProfile
{
    /// <summary>The mode asked for.</summary>
    public required CpuMode Mode { get; init; }

    /// <summary>Threads of one operation.</summary>
    public required int Threads { get; init; }

    /// <summary>Whether MKL was told to use AVX-512 on this AMD processor.</summary>
    public bool IsMklUnlocked { get; init; }

    /// <summary>Why MKL was left alone in <see cref="CpuMode.Fast"/>, or null.</summary>
    public string? MklReason { get; init; }

    /// <summary>Whether the same work gives the same bits with any number of threads, as far as libtorch's own kernels do; with the same number it always does.</summary>
    public bool IsDeterministic => !IsMklUnlocked;

    /// <summary>The profile in force, or null before the first <see cref="Apply"/>.</summary>
    public static CpuProfile? Current { get; private set; }

    /// <summary>Sets the threads and, in <see cref="CpuMode.Fast"/>, frees MKL on AMD; to do so it must come before the first matrix product.</summary>
    /// <param name="threads">Threads of one operation; null for one on each core that the process may use.</param>
    /// <param name="mode">How far to tune.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one thread.</exception>
    /// <exception cref="DllNotFoundException">libtorch is missing.</exception>
    public static CpuProfile Apply(int? threads = null, CpuMode mode = CpuMode.Safe)
    {
        if (threads < 1)
            throw new ArgumentOutOfRangeException(nameof(threads), threads, "An operation needs at least one thread; leave it out for one on each core.");
        Libtorch.Initialize();
        string? reason = null;
        var unlocked = Current is { IsMklUnlocked: true };
        if (mode == CpuMode.Fast && !unlocked)
        {
            reason = Libtorch.Loaded is { } libtorch
                ? MklKernels.Unlock(libtorch.TorchCpu, CpuFeatures.OfThisMachine())
                : "TorchSharp loaded libtorch by itself";
            unlocked = reason is null;
        }
        if (threads is not null || mode != CpuMode.Off) set_num_threads(threads ?? CpuCores.OfThisProcess().Threads);
        return Current = new CpuProfile { Mode = mode, Threads = get_num_threads(), IsMklUnlocked = unlocked, MklReason = reason };
    }

    /// <summary>What the bits of a result may depend on, for the records of a run.</summary>
    /// <exception cref="DllNotFoundException">libtorch is missing.</exception>
    public static CpuRecord Describe()
    {
        Libtorch.Initialize();
        var libtorch = Libtorch.Loaded;
        return new CpuRecord
        {
            Threads = get_num_threads(),
            Mode = Current?.Mode ?? CpuMode.Off,
            Allocator = libtorch?.Allocator ?? TensorAllocator.Off,
            Libtorch = libtorch?.Version ?? "unknown",
            Mkl = libtorch?.MklVersion ?? "unknown",
            IsMklUnlocked = Current?.IsMklUnlocked ?? false,
            OneDnn = libtorch?.OneDnnVersion ?? "unknown",
            Capability = libtorch?.CpuCapability ?? "unknown",
            Processor = CpuFeatures.OfThisMachine().Name,
        };
    }
}
