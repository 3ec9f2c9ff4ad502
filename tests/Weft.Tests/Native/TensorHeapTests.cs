using FsCheck;
using FsCheck.Fluent;
using Weft.Native;

namespace Weft.Tests.Native;

public sealed unsafe class TensorHeapTests
{
    /// <summary>A block that a test holds: filled with its own byte.</summary>
    private sealed record Held(nint Start, int Bytes, byte Fill);

    [Fact]
    public void Blocks_keep_their_contents_whatever_is_taken_and_freed_around_them()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("The heap is for Linux.");
        // sizes from a scalar to a few huge pages, most of them small
        var size = Gen.Choose(0, 22).SelectMany(octave => Gen.Choose(1 << octave >> 1, 1 << octave));
        var plan = size.Two().Select(pair => (Bytes: pair.Item1, Pick: pair.Item2)).ListOf(300);
        Check.QuickThrowOnFailure(Prop.ForAll(plan.ToArbitrary(), steps =>
        {
            var heap = new TensorHeap();
            var held = new List<Held>();
            foreach (var (bytes, pick) in steps)
            {
                if (held.Count > 0 && pick % 5 < 2) Free(heap, held, pick % held.Count);
                else held.Add(Take(heap, bytes, (byte)pick));
                Assert.Equal(held.Sum(h => (long)h.Bytes), heap.LiveBytes);
            }
            while (held.Count > 0) Free(heap, held, held.Count / 2);
            Assert.Equal(0, heap.LiveBytes);
            heap.Trim();
            Assert.Equal((0, 0), (heap.ReservedBytes, heap.MappedBytes));
        }));
    }

    [Fact]
    public void Threads_may_free_what_others_took()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("The heap is for Linux.");
        var heap = new TensorHeap();
        var shelf = new Held?[64];
        Parallel.For(0, 8, thread =>
        {
            var random = new Random(thread);
            for (var i = 0; i < 20_000; i++)
            {
                var bytes = random.Next(1, 1 << random.Next(1, 18));
                if (Interlocked.Exchange(ref shelf[random.Next(shelf.Length)], Take(heap, bytes, (byte)i)) is { } other) Free(heap, [other], 0);
            }
        });
        foreach (var left in shelf.OfType<Held>()) Free(heap, [left], 0);
        Assert.Equal(0, heap.LiveBytes);
        heap.Trim();
        Assert.Equal(0, heap.MappedBytes);
    }

    [Fact]
    public void Ever_new_lengths_do_not_pile_memory_up()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("The heap is for Linux.");
        // twenty layers' activations of a batch whose length is new each time, freed in reverse, as a backward pass does
        var (heap, random) = (new TensorHeap(), new Random(1));
        var most = 0L;
        for (var step = 0; step < 2000; step++)
        {
            var tokens = random.Next(100, 2000);
            var layers = new List<nint>();
            for (var layer = 0; layer < 20; layer++)
                foreach (var width in new[] { 576, 1536, 192 })
                    layers.Add((nint)heap.Allocate((nuint)(tokens * width * 4L)));
            for (var layer = layers.Count - 1; layer >= 0; layer--) Assert.True(heap.Free((void*)layers[layer]));
            most = Math.Max(most, heap.ReservedBytes);
        }
        // a tenth is the heap's own bound, 32 MiB its slack; a list of free blocks for each size holds several times the peak
        Assert.InRange(most, heap.PeakBytes, heap.PeakBytes / 10 * 11 + (34 << 20));
    }

    [Fact]
    public void Memory_follows_the_peak_down_after_a_while()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("The heap is for Linux.");
        var heap = new TensorHeap();
        Assert.True(heap.Free(heap.Allocate(1 << 30)));
        Assert.InRange(heap.ReservedBytes, 1 << 30, long.MaxValue);
        for (var i = 0; i < 3 * 8192; i++) Assert.True(heap.Free(heap.Allocate(1 << 20)));
        Assert.InRange(heap.ReservedBytes, 1 << 20, 40 << 20);
    }

    [Fact]
    public void What_cannot_be_had_is_null_and_what_is_foreign_or_freed_is_refused()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("The heap is for Linux.");
        var heap = new TensorHeap();
        Assert.True(heap.Allocate(nuint.MaxValue) is null);
        var block = heap.Allocate(100);
        Assert.Equal(0, (long)block % 64);
        Assert.True(heap.Free(block));
        Assert.False(heap.Free(block));
        var foreign = stackalloc byte[256];
        Assert.False(heap.Free(foreign + 128));
        Assert.Equal(0, heap.LiveBytes);
    }

    private static Held Take(TensorHeap heap, int bytes, byte fill)
    {
        var start = heap.Allocate((nuint)bytes);
        Assert.True(start is not null);
        Assert.Equal(0, (long)start % 64);
        new Span<byte>(start, bytes).Fill(fill);
        return new Held((nint)start, bytes, fill);
    }

    private static void Free(TensorHeap heap, List<Held> held, int index)
    {
        var block = held[index];
        Assert.Equal(-1, new ReadOnlySpan<byte>((void*)block.Start, block.Bytes).IndexOfAnyExcept(block.Fill));
        Assert.True(heap.Free((void*)block.Start));
        held.RemoveAt(index);
    }
}
