namespace Weft.Tests.Methods;

/// <summary>Whether tensors are the same, bit for bit.</summary>
internal static class Bits
{
    public static bool Same(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        return a.shape.SequenceEqual(b.shape) && a.dtype == b.dtype && a.detach().contiguous().bytes.SequenceEqual(b.detach().contiguous().bytes);
    }
}
