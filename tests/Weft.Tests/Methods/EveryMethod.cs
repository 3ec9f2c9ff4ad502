using Weft.Adapters;
using Weft.Training;

namespace Weft.Tests.Methods;

/// <summary>What every method of the registry must do, on a tiny random llama with biases, grouped queries, and a head that is tied or not.</summary>
public sealed class EveryMethod
{
    public static TheoryData<string, bool> Methods
    {
        get
        {
            var data = new TheoryData<string, bool>();
            foreach (var method in PeftMethods.All.Where(m => m.Value.Namespace == "Weft.Methods").Select(m => m.Key))
                foreach (var tied in new[] { false, true }) data.Add(method, tied);
            return data;
        }
    }

    [Theory, MemberData(nameof(Methods))]
    public void Starts_as_the_base_where_it_says_so(string method, bool tied)
    {
        using var model = RandomLlama.Create(tied);
        var untouched = model.Logits(RandomLlama.Batch);
        var set = Config(method).AttachTo(model);
        Assert.True(set.Config.StartsAtBase);
        Closeness.Check("logits", model.Logits(RandomLlama.Batch), untouched, 1e-6);
        RandomLlama.Disturb(set);
        Assert.True(Closeness.Relative(model.Logits(RandomLlama.Batch), untouched) > 1e-3, "moving what is trained moves nothing");
    }

    [Theory, MemberData(nameof(Methods))]
    public void Trains_only_what_is_its_own(string method, bool tied)
    {
        using var model = RandomLlama.Create(tied);
        var before = model.Tensors.ToDictionary(t => t.Key, t => t.Pretrained.clone());
        var set = Config(method).AttachTo(model);
        RandomLlama.Disturb(set);
        using var optimizer = new AdamW(set.Groups);
        var start = RandomLlama.Loss(model).item<float>();
        for (var i = 0; i < 5; i++)
        {
            foreach (var (_, value) in set.Parameters) value.grad?.zero_();
            RandomLlama.Loss(model).backward();
            Assert.All(set.Parameters, p => Assert.True(p.Value.grad is { } g && g.abs().sum().item<float>() > 0, $"{p.Key} gets no gradient"));
            Assert.All(model.Tensors, t => Assert.True(!t.Pretrained.requires_grad && t.Pretrained.grad is null, $"{t.Key} is frozen and has a gradient"));
            optimizer.Update(1e-2);
        }
        Assert.True(RandomLlama.Loss(model).item<float>() < start, "five steps do not lower the loss");
        Assert.All(model.Tensors, t => Assert.True(Bits.Same(before[t.Key], t.Pretrained), $"{t.Key} was written to"));
    }

    [Theory, MemberData(nameof(Methods))]
    public void Gradients_are_finite_differences(string method, bool tied)
    {
        using var model = RandomLlama.Create(tied);
        var set = Config(method).AttachTo(model);
        RandomLlama.Disturb(set);
        foreach (var place in set.Places) place.Adapter.to(float64);
        foreach (var (site, adapter, _) in set.Places)
        {
            using var scope = NewDisposeScope();
            foreach (var tensor in site.Host.Tensors) tensor.Override = tensor.Value.to(float64);
            var x = site.Role == SiteRole.Embedding ? RandomLlama.Batch.Ids : randn(3, site.Host.InFeatures, dtype: float64).requires_grad_();
            var weights = randn([.. x.shape[..^1], site.Role == SiteRole.Embedding ? x.shape[^1] : site.Host.OutFeatures], dtype: float64);
            Tensor Sum() => site.Role == SiteRole.Embedding ? (site.Host.Forward(x) * weights.unsqueeze(-1)).sum() : (site.Host.Forward(x) * weights).sum();
            foreach (var parameter in adapter.parameters()) parameter.grad?.zero_();
            Sum().backward();
            foreach (var (name, value) in adapter.named_parameters().Select(p => (p.name, (Tensor)p.parameter)).Append(("x", x)).Where(p => p.Item2.requires_grad))
            {
                var places = arange(0, value.numel(), Math.Max(1, value.numel() / 24), dtype: int64); // a couple of dozen numbers of each tensor
                Closeness.Check($"{site.Name}.{name}", value.grad!.reshape(-1).index_select(0, places), Differences(value, places, Sum), 1e-7, 1e-3); // central, step 1e-5 in fp64: error near 1e-10
            }
            foreach (var tensor in site.Host.Tensors) tensor.Override = null;
        }
        // Tensors of the base that are trained: along random directions of the whole loss, in fp32.
        if (set.TrainedTensors.Count == 0) return;
        RandomLlama.Loss(model).backward();
        foreach (var trained in set.TrainedTensors)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var direction = trained.Value.grad! / trained.Value.grad!.norm(); // where the slope is largest, so that fp32 sees it
            float At(double step)
            {
                trained.Value.add_(direction * step);
                var loss = RandomLlama.Loss(model).item<float>();
                trained.Value.sub_(direction * step);
                return loss;
            }
            var slope = trained.Value.grad!.norm().item<float>();
            Assert.Equal(slope, (At(5e-3) - At(-5e-3)) / 1e-2, Math.Max(0.02 * slope, 2e-3));
        }
    }

    [Theory, MemberData(nameof(Methods))]
    public void Merging_changes_no_output_and_unmerging_restores_the_base(string method, bool tied)
    {
        using var model = RandomLlama.Create(tied);
        var before = model.Tensors.ToDictionary(t => t.Key, t => t.Pretrained.clone());
        var set = Config(method).AttachTo(model);
        RandomLlama.Disturb(set);
        var adapted = model.Logits(RandomLlama.Batch);
        var merging = Merging.Into(model, keepBits: true);
        Assert.Empty(model.ActiveAdapters);
        Closeness.Check("merged", model.Logits(RandomLlama.Batch), adapted, 1e-5);
        Assert.InRange(merging.Report.LargestRelativeDifference, 0, 1e-5);
        merging.Unmerge();
        Assert.All(model.Tensors, t => Assert.True(Bits.Same(before[t.Key], t.Pretrained), $"{t.Key} is not restored"));
        Assert.True(Bits.Same(adapted, model.Logits(RandomLlama.Batch)));

        merging = Merging.Into(model);
        if (set.TrainedTensors.Count > 0)
        {
            Assert.Throws<NotSupportedException>(merging.Unmerge);
            return;
        }
        merging.Unmerge();
        foreach (var tensor in model.Tensors) Closeness.Check(tensor.Key, tensor.Pretrained, before[tensor.Key], 1e-5);
        Closeness.Check("unmerged", model.Logits(RandomLlama.Batch), adapted, 1e-5);
    }

    [Theory, MemberData(nameof(Methods))]
    public void Detaching_restores_the_base_bit_for_bit(string method, bool tied)
    {
        using var model = RandomLlama.Create(tied);
        var untouched = model.Logits(RandomLlama.Batch);
        var set = Config(method).AttachTo(model);
        RandomLlama.Disturb(set);
        set.Detach();
        Assert.Empty(model.Adapters);
        Assert.True(Bits.Same(untouched, model.Logits(RandomLlama.Batch)));
    }

    [Theory, MemberData(nameof(Methods))]
    public void A_saved_folder_comes_back_to_equal_bytes_and_outputs(string method, bool tied)
    {
        using var model = RandomLlama.Create(tied);
        var set = Config(method).AttachTo(model);
        RandomLlama.Disturb(set);
        var adapted = model.Logits(RandomLlama.Batch);
        using var folder = new Checkpoints.TemporaryFolder();
        set.Save(folder.File("one"));
        set.Detach();
        var back = AdapterSet.Load(folder.File("one"), model);
        Assert.Empty(back.Notes);
        Assert.Equal(set.Count, back.Count);
        Assert.True(Bits.Same(adapted, model.Logits(RandomLlama.Batch)));
        back.Save(folder.File("two"));
        foreach (var file in Directory.GetFiles(folder.File("one")))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(folder.File("two", Path.GetFileName(file))));
    }

    [Theory, MemberData(nameof(Methods))]
    public void Several_sets_are_switched_disabled_and_enabled(string method, bool tied)
    {
        using var model = RandomLlama.Create(tied);
        var untouched = model.Logits(RandomLlama.Batch);
        var outputs = new List<Tensor>();
        foreach (var name in new[] { "a", "b" })
        {
            var set = Config(method).AttachTo(model, name);
            RandomLlama.Disturb(set, 10 + outputs.Count);
            outputs.Add(model.Logits(RandomLlama.Batch));
        }
        Assert.False(Bits.Same(outputs[0], outputs[1]));
        model.Activate("a");
        Assert.True(Bits.Same(outputs[0], model.Logits(RandomLlama.Batch)));
        model.DisableAdapters();
        Assert.True(Bits.Same(untouched, model.Logits(RandomLlama.Batch)));
        model.Activate("b");
        Assert.True(Bits.Same(outputs[1], model.Logits(RandomLlama.Batch)));
        if (model.Adapters["a"].TrainedTensors.Count > 0)
        {
            Assert.StartsWith("a and b both train model.embed_tokens.weight", Assert.Throws<ArgumentException>(() => model.Activate("a", "b")).Message, StringComparison.Ordinal);
            return;
        }
        model.Activate("a", "b");
        var both = model.Logits(RandomLlama.Batch);
        Merging.Into(model);
        Closeness.Check("both merged", model.Logits(RandomLlama.Batch), both, 1e-5);
    }

    [Theory, MemberData(nameof(Methods))]
    public void Fifty_steps_leave_no_tensor_behind(string method, bool tied)
    {
        using var model = RandomLlama.Create(tied);
        var set = Config(method).AttachTo(model);
        using var optimizer = new AdamW(set.Groups);
        model.Train();
        long Steps(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = NewDisposeScope();
                foreach (var (_, value) in set.Parameters) value.grad?.zero_();
                RandomLlama.Loss(model).backward();
                optimizer.Update(1e-3);
            }
            return Tensor.TotalCount;
        }
        Steps(3);
        var warm = LiveTensors.Settled();
        Assert.Equal(warm, Steps(50));
    }

    private static PeftConfig Config(string method)
    {
        var config = (PeftConfig)Activator.CreateInstance(PeftMethods.Find(method))!;
        return config.NeedsTargets ? config with { TargetModules = Targets.Matching(Targets.AllLinear) } : config;
    }

    private static Tensor Differences(Tensor value, Tensor places, Func<Tensor> sum)
    {
        using var _ = no_grad();
        const double step = 1e-5;
        var flat = value.detach().view(-1);
        return tensor(places.data<long>().ToArray().Select(place =>
        {
            using var scope = NewDisposeScope();
            var was = flat[place].item<double>();
            double At(double change)
            {
                flat[place] = was + change;
                return sum().item<double>();
            }
            var slope = (At(step) - At(-step)) / (2 * step);
            flat[place] = was;
            return slope;
        }).ToArray());
    }
}
