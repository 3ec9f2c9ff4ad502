using Weft.Training;

namespace Weft.Tests.Training;

public sealed class GradientNormTests
{
    [Fact]
    public void Norms_and_clipped_gradients_equal_the_reference()
    {
        var rules = Golden.Json("clipping", "case.json");
        var tolerance = rules.GetProperty("tolerance").GetDouble();
        var tensors = Golden.Tensors("clipping", "tensors.safetensors");
        var index = 0;
        foreach (var entry in rules.GetProperty("cases").EnumerateArray())
        {
            var names = tensors.Keys.Where(k => k.StartsWith($"{index}.before.", StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToList();
            var gradients = names.Select(n => tensors[n].clone()).ToList();
            var norm = GradientNorm.Of(gradients, Golden.Number(entry.GetProperty("norm_type")));
            var expected = Golden.Number(entry.GetProperty("total_norm"));
            if (double.IsFinite(expected)) Assert.Equal(expected, norm.item<float>(), tolerance * expected);
            else Assert.Equal(expected, norm.item<float>());
            GradientNorm.Scale(gradients, norm, entry.GetProperty("limit").GetDouble());
            for (var i = 0; i < names.Count; i++)
                Golden.Close(tensors[names[i].Replace("before", "after", StringComparison.Ordinal)], gradients[i], tolerance, names[i]);
            index++;
        }
        Assert.Equal(8, index);
    }

    [Fact]
    public void Gradients_that_are_not_finite_come_out_as_in_the_reference()
    {
        foreach (var entry in Golden.Json("clipping", "case.json").GetProperty("not_finite").EnumerateArray())
        {
            var gradient = tensor(entry.GetProperty("grad").EnumerateArray().Select(x => (float)Golden.Number(x)).ToArray());
            var norm = GradientNorm.Of([gradient]);
            Assert.Equal(Golden.Number(entry.GetProperty("total_norm")), norm.item<float>());
            GradientNorm.Scale([gradient], norm, 1);
            Assert.Equal(entry.GetProperty("after").EnumerateArray().Select(x => (float)Golden.Number(x)), gradient.data<float>().ToArray());
        }
    }

    [Fact]
    public void No_gradients_have_norm_0()
    {
        Assert.Equal(0, GradientNorm.Of([]).item<float>());
        GradientNorm.Scale([], zeros([]), 1);
    }
}
