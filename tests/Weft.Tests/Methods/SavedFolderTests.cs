using System.Text.Json;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Methods;
using Weft.Models;

namespace Weft.Tests.Methods;

/// <summary>What loading an adapter folder checks, for one method of each kind.</summary>
public sealed class SavedFolderTests : IDisposable
{
    private readonly CausalModel model = RandomLlama.Create();
    private readonly Checkpoints.TemporaryFolder folder = new();

    [Fact]
    public void Another_base_is_refused_and_loads_by_force_with_a_note()
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") });
        using var other = RandomLlama.Create(seed: 9);
        var refusal = Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, other));
        var (theirs, ours) = (Fingerprint.Of(model)[..12], Fingerprint.Of(other)[..12]);
        Assert.Equal(
            $"{folder.Path} was trained on another base: its fingerprint is {theirs}, that of a random llama is {ours} (config, tensor names, shapes and a sample of the numbers are compared). Give the base it was trained on, or --force.",
            refusal.Message);
        Assert.Empty(other.Adapters);
        var forced = AdapterSet.Load(folder.Path, other, force: true);
        Assert.Equal($"Loaded by force: the adapter was trained on base {theirs}, this one is {ours}.", Assert.Single(forced.Notes));
    }

    [Fact]
    public void Without_a_fingerprint_it_loads_with_a_note()
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") });
        File.Delete(folder.File("weft.json"));
        Assert.Equal($"{folder.Path} has no weft.json: whether it was trained on this base cannot be checked.", Assert.Single(AdapterSet.Load(folder.Path, model).Notes));
    }

    [Fact]
    public void A_fingerprint_does_not_depend_on_precision_and_moves_with_config_names_shapes_and_numbers()
    {
        var ours = Fingerprint.Of(model);
        using var same = RandomLlama.Create();
        Assert.Equal(ours, Fingerprint.Of(same));
        using var tied = RandomLlama.Create(tied: true);
        Assert.NotEqual(ours, Fingerprint.Of(tied));
        using var others = RandomLlama.Create(seed: 2);
        Assert.NotEqual(ours, Fingerprint.Of(others));
    }

    [Fact]
    public void Everything_wrong_with_the_tensors_is_listed_together()
    {
        Save(new WegeftConfig { Rank = 2, Sharing = "module", TargetModules = new Targets("q_proj", "v_proj") });
        Rewrite(tensors =>
        {
            const string prefix = "base_model.model.model.layers.";
            tensors.Remove($"{prefix}0.self_attn.q_proj.wegeft_phi.weight");
            tensors[$"{prefix}0.self_attn.q_proj.wegeft_chi.weight"] = zeros(2, 16);
            tensors[$"{prefix}1.self_attn.q_proj.wegeft_phi.weight"] = zeros(3, 16);
            tensors[$"{prefix}1.self_attn.q_proj.wegeft_psi.weight"] = full(2, 16, double.NaN);
            tensors[$"{prefix}1.self_attn.v_proj.wegeft_psi.weight"] = zeros(2, 16, dtype: int64);
        });
        var refusal = Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model));
        Assert.Equal(
            $"{folder.Path} does not fit a random llama:\n" +
            "  base_model.model.model.layers.0.self_attn.q_proj.wegeft_phi.weight: missing\n" +
            "  base_model.model.model.layers.0.self_attn.q_proj.wegeft_chi.weight: no tensor of this adapter on this model has that key\n" +
            "  base_model.model.model.layers.1.self_attn.q_proj.wegeft_phi.weight: (3, 16) for (2, 16)\n" +
            "  base_model.model.model.layers.1.self_attn.v_proj.wegeft_psi.weight: Int64 for Float32\n" +
            "  base_model.model.model.layers.1.self_attn.q_proj.wegeft_psi.weight: not every number is finite",
            refusal.Message);
        Assert.Empty(model.Adapters);
    }

    [Fact]
    public void A_saved_adapter_follows_PEFTs_rules_alone()
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") });
        var config = File.ReadAllText(folder.File("adapter_config.json"));
        // An entry that matches nothing, and a rank beyond the width, would be refused in a person's own config.
        File.WriteAllText(folder.File("adapter_config.json"), config.Replace("\"q_proj\"", "\"q_proj\",\n    \"no_such_module\"", StringComparison.Ordinal));
        Assert.Equal(2, AdapterSet.Load(folder.Path, model).Places.Count);
    }

    [Fact]
    public void A_name_that_is_taken_is_refused()
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") });
        AdapterSet.Load(folder.Path, model, "mine");
        Assert.Equal("An adapter called mine is attached already. Detach it, or give the new one another name.", Assert.Throws<ArgumentException>(() => AdapterSet.Load(folder.Path, model, "mine")).Message);
        Assert.Equal("An adapter called mine is attached already. Detach it, or give the new one another name.",
            Assert.Throws<ArgumentException>(() => new LoraConfig { TargetModules = new Targets("q_proj") }.AttachTo(model, "mine")).Message);
    }

    [Fact]
    public void A_folder_without_a_config_or_with_a_broken_one_is_refused()
    {
        Assert.Equal($"{folder.Path} is no adapter folder: it has no adapter_config.json.", Assert.Throws<FileNotFoundException>(() => AdapterSet.Load(folder.Path, model)).Message);
        File.WriteAllText(folder.File("adapter_config.json"), """{"peft_type":"NO_SUCH"}""");
        Assert.StartsWith($"{folder.File("adapter_config.json")}: peft_type \"NO_SUCH\" is not a method of this build. There are: ", Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model)).Message, StringComparison.Ordinal);
        File.WriteAllText(folder.File("adapter_config.json"), """{"r":8}""");
        Assert.Contains("The config has no \"peft_type\". Methods are: ", Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model)).Message, StringComparison.Ordinal);
        File.WriteAllText(folder.File("adapter_config.json"), """{"peft_type":"LORA","r":8,"r":4}""");
        Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model));
    }

    [Fact]
    public void Unknown_keys_are_refused_where_they_act_and_kept_where_they_do_not()
    {
        var config = PeftConfig.FromJson("""{"peft_type":"LORA","r":4,"target_modules":["q_proj"],"a_later_key":null,"another":false}""");
        Assert.Contains("\"a_later_key\": null", config.ToJson(), StringComparison.Ordinal);
        var refusal = Assert.Throws<JsonException>(() => PeftConfig.FromJson("""{"peft_type":"LORA","use_dora":true,"velora_config":{"rank":1}}"""));
        Assert.Equal("LORA here does not know \"use_dora\": true. Remove it, or use a method that has it.\nLORA here does not know \"velora_config\": {\"rank\":1}. Remove it, or use a method that has it.", refusal.Message);
        Assert.StartsWith("LORA has no option \"rnak\", \"use_dora\". It has: alpha_pattern, bias, ",
            Assert.Throws<JsonException>(() => PeftConfig.FromOptions("lora", """{"rnak":4,"use_dora":false}""")).Message, StringComparison.Ordinal);
        Assert.StartsWith("No method is called \"lorra\". There are: FULL, LORA, WeGeFT", Assert.Throws<ArgumentException>(() => PeftConfig.FromOptions("lorra", "{}")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_method_is_read_in_any_case_and_written_as_its_release_spells_it()
    {
        var config = PeftConfig.FromJson("""{"peft_type":"WEGEFT","target_modules":["q_proj"]}""");
        Assert.IsType<WegeftConfig>(config);
        Assert.Contains("\"peft_type\": \"WeGeFT\"", config.ToJson(), StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_of_our_own_are_written_only_where_they_are_used()
    {
        var plain = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj") }.AttachTo(model, "plain").Config.ToJson();
        foreach (var key in new[] { "use_rslora", "zero_init", "positions", "slices", "sharing", "exclude_modules" }) Assert.DoesNotContain($"\"{key}\"", plain, StringComparison.Ordinal);
        var own = new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj"), UseRslora = true, ZeroInit = "psi", Positions = "l1" }.AttachTo(model, "own").Config.ToJson();
        foreach (var key in new[] { "\"use_rslora\": true", "\"zero_init\": \"psi\"", "\"positions\": \"l1\"" }) Assert.Contains(key, own, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        model.Dispose();
        folder.Dispose();
    }

    private void Save(PeftConfig config)
    {
        var set = config.AttachTo(model, "saved");
        set.Save(folder.Path);
        set.Detach();
    }

    private void Rewrite(Action<Dictionary<string, Tensor>> change)
    {
        var path = folder.File("adapter_model.safetensors");
        Dictionary<string, Tensor> tensors;
        using (var file = Checkpoint.Open(path)) tensors = file.Tensors.Keys.ToDictionary(k => k, k => file.Read(k).clone());
        change(tensors);
        Safetensors.Write(path, tensors.Select(t => (t.Key, t.Value)));
    }
}
