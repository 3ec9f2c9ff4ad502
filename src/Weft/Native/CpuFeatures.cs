using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Weft.Native;

/// <summary>What the processor calls itself and can compute.</summary>
public sealed record CpuFeatures
{
    /// <summary>The maker's identification: GenuineIntel, AuthenticAMD; empty on another architecture.</summary>
    public string Vendor { get; init; } = "";

    /// <summary>The model's name.</summary>
    public string Name { get; init; } = "";

    /// <summary>256-bit vectors with fused multiply-add.</summary>
    public bool HasAvx2 { get; init; }

    /// <summary>512-bit vectors.</summary>
    public bool HasAvx512 { get; init; }

    /// <summary>Products of bfloat16 pairs in 512-bit vectors.</summary>
    public bool HasAvx512Bf16 { get; init; }

    /// <summary>Products of bfloat16 tiles.</summary>
    public bool HasAmxBf16 { get; init; }

    /// <summary>Whether matrix products of bfloat16 run faster than those of float32.</summary>
    /// <remarks>Measured: on Zen 5 they run at 900 to 200 GF/s, on an Intel processor that has the pairs but not the tiles at 170 to 330 (docs/log.md).</remarks>
    public bool HasFastBf16 => HasAmxBf16 || (HasAvx512Bf16 && Vendor == "AuthenticAMD");

    /// <summary>The features of this machine.</summary>
    public static CpuFeatures OfThisMachine()
    {
        if (!X86Base.IsSupported) return new CpuFeatures { Name = RuntimeInformation.ProcessArchitecture.ToString() };
        // Intel's manual, volume 2, CPUID: leaf 7.1 EAX bit 5, leaf 7.0 EDX bits 22 and 24; the runtime knows whether the system saves wide registers
        var (newest, ebx, ecx, edx) = X86Base.CpuId(0, 0);
        var tiles = newest >= 7 ? X86Base.CpuId(7, 0).Edx : 0;
        var dots = newest >= 7 ? X86Base.CpuId(7, 1).Eax : 0;
        return new CpuFeatures
        {
            Vendor = Text(ebx, edx, ecx),
            Name = Brand(),
            HasAvx2 = Avx2.IsSupported && Fma.IsSupported,
            HasAvx512 = Avx512F.IsSupported,
            HasAvx512Bf16 = Avx512F.IsSupported && (dots >> 5 & 1) == 1,
            HasAmxBf16 = Avx512F.IsSupported && (tiles >> 22 & 1) == 1 && (tiles >> 24 & 1) == 1,
        };
    }

    private static string Brand()
    {
        const int first = unchecked((int)0x80000002), last = first + 2;
        if ((uint)X86Base.CpuId(unchecked((int)0x80000000), 0).Eax < unchecked((uint)last)) return "";
        var name = new StringBuilder();
        for (var leaf = first; leaf <= last; leaf++)
        {
            var (eax, ebx, ecx, edx) = X86Base.CpuId(leaf, 0);
            name.Append(Text(eax, ebx, ecx, edx));
        }
        return name.ToString().Trim();
    }

    private static string Text(params ReadOnlySpan<int> registers)
    {
        Span<byte> bytes = stackalloc byte[4 * registers.Length];
        for (var i = 0; i < registers.Length; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes[(4 * i)..], registers[i]);
        return Encoding.ASCII.GetString(bytes).TrimEnd('\0');
    }
}
