using System.Runtime.InteropServices;
using Weft.Native;

namespace Weft.Tests.Native;

public sealed class TensorMemoryTests
{
    private static void NeedCounting()
    {
        if (!TensorMemory.IsCounted) Assert.Skip($"Tensors' memory is not counted here: {Libtorch.Loaded?.AllocatorReason ?? "WEFT_ALLOCATOR"}.");
    }

    [Fact]
    public void Tensors_keep_their_values_through_random_making_and_freeing()
    {
        NeedCounting();
        var random = new Random(3);
        var held = new List<(Tensor Tensor, int Value)>();
        for (var step = 0; step < 3000; step++)
        {
            if (held.Count > 40 || (held.Count > 0 && random.Next(2) == 0))
            {
                var at = random.Next(held.Count);
                var (tensor, value) = held[at];
                Assert.True(tensor.eq(value).all().item<bool>());
                tensor.Dispose();
                held.RemoveAt(at);
            }
            else
            {
                var count = random.Next(0, 1 << random.Next(1, 20));
                held.Add((full(count, step, dtype: int32), step));
            }
        }
        Assert.True(held.All(h => h.Tensor.eq(h.Value).all().item<bool>()));
        held.ForEach(h => h.Tensor.Dispose());
    }

    [Fact]
    public void A_tensors_bytes_are_counted_as_they_were_asked_for()
    {
        NeedCounting();
        LiveTensors.Settled();
        const long bytes = 4L << 28;
        var before = TensorMemory.LiveBytes;
        using (empty(bytes / 4))
        {
            Assert.InRange(TensorMemory.LiveBytes - before, bytes - (200 << 20), bytes + (200 << 20));
            Assert.InRange(TensorMemory.PeakBytes, bytes, long.MaxValue);
        }
        Assert.InRange(TensorMemory.LiveBytes - before, -(200 << 20), 200 << 20);
    }

    [Fact]
    public void A_tensor_too_large_for_the_machine_is_libtorchs_own_error()
    {
        NeedCounting();
        var e = Assert.Throws<ExternalException>(() => empty(1L << 45, dtype: float32));
        Assert.Contains("can't allocate memory", e.Message, StringComparison.Ordinal);
        Assert.Equal(3f, ones(3).sum().item<float>());
    }

    [Fact]
    public void Empty_tensors_take_nothing_and_can_grow()
    {
        NeedCounting();
        using var nothing = zeros(0, 5);
        using var something = cat([nothing, ones(2, 5)]);
        Assert.Equal(10f, something.sum().item<float>());
    }

    [Theory]
    [InlineData(null, TensorAllocator.Weft)]
    [InlineData("", TensorAllocator.Weft)]
    [InlineData("weft", TensorAllocator.Weft)]
    [InlineData("Tuned", TensorAllocator.Tuned)]
    [InlineData("off", TensorAllocator.Off)]
    public void The_variable_names_an_allocator(string? value, TensorAllocator allocator) => Assert.Equal(allocator, TensorMemory.Parse(value));

    [Fact]
    public void Another_name_is_refused()
    {
        var e = Assert.Throws<ArgumentException>(() => TensorMemory.Parse("jemalloc"));
        Assert.Equal("WEFT_ALLOCATOR is jemalloc; it may be weft (the default), tuned or off.", e.Message);
    }
}
