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

    [Fact]
    public void Norms_saved_whole_come_back_under_the_keys_PEFT_gives_them()
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj"), ModulesToSave = ["norm"] });
        using (var file = Checkpoint.Open(folder.File("adapter_model.safetensors"))) Assert.Equal(5, file.Tensors.Keys.Count(k => k.EndsWith("norm.weight", StringComparison.Ordinal)));
        Assert.Equal(5, AdapterSet.Load(folder.Path, model).TrainedTensors.Count);
    }

    [Theory, InlineData(".*q_proj|.*embed_tokens", "model.embed_tokens"), InlineData(".*(q_proj|lm_head)", "lm_head")]
    public void An_expression_that_matches_an_embedding_or_the_head_carries_its_weight(string expression, string module)
    {
        Save(new LoraConfig { Rank = 2, TargetModules = Targets.Matching(expression) });
        using (var file = Checkpoint.Open(folder.File("adapter_model.safetensors"))) Assert.Single(file.Tensors.Keys, $"base_model.model.{module}.base_layer.weight");
        AdapterSet.Load(folder.Path, model).Detach();
        Rewrite(t => t[$"base_model.model.{module}.base_layer.weight"].add_(1));
        Assert.Contains("differs from the base's own: the embedding was changed", Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Embeddings_that_a_file_holds_whole_must_be_the_bases()
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") });
        Rewrite(tensors =>
        {
            foreach (var tensor in model.Tensors.Where(t => t.Key is "model.embed_tokens.weight" or "lm_head.weight")) tensors[$"base_model.model.{tensor.Key}"] = tensor.Pretrained.clone();
        });
        var set = AdapterSet.Load(folder.Path, model);
        Assert.Equal("The file also holds base_model.model.model.embed_tokens.weight and base_model.model.lm_head.weight whole, equal to the base's; they are not written again.", Assert.Single(set.Notes));
        set.Detach();
        Rewrite(t => t["base_model.model.lm_head.weight"].add_(1));
        Assert.EndsWith("Use that base.", Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model)).Message, StringComparison.Ordinal);
        Rewrite(t => t["base_model.model.lm_head.weight"] = zeros(34, 16));
        Assert.EndsWith("  base_model.model.lm_head.weight: (34, 16) for (32, 16), the base was changed (its vocabulary resized) before the adapter was saved: use that base",
            Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Biases_of_modules_saved_whole_stand_thrice_where_all_biases_are_trained()
    {
        var set = new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj"), ModulesToSave = ["1.mlp"], Bias = "all" }.AttachTo(model, "saved");
        RandomLlama.Disturb(set);
        set.Save(folder.Path);
        set.Detach();
        const string mlp = "base_model.model.model.layers.1.mlp";
        Rewrite(tensors =>
        {
            Assert.Equal([$"{mlp}.down_proj.bias", $"{mlp}.modules_to_save.down_proj.bias", $"{mlp}.original_module.down_proj.bias"],
                tensors.Keys.Where(k => k.StartsWith(mlp, StringComparison.Ordinal) && k.EndsWith("down_proj.bias", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
            Assert.True(Bits.Same(tensors[$"{mlp}.modules_to_save.down_proj.bias"], tensors[$"{mlp}.down_proj.bias"]));
            Assert.True(Bits.Same(tensors[$"{mlp}.original_module.down_proj.bias"], model.Tensors.Single(t => t.Key == "model.layers.1.mlp.down_proj.bias").Pretrained));
            tensors.Remove($"{mlp}.modules_to_save.down_proj.bias"); // older files lack one or the other
        });
        var back = AdapterSet.Load(folder.Path, model);
        Assert.True(Bits.Same(back.TrainedTensors.Single(t => t.Key == $"{mlp}.down_proj.bias").Value, set.TrainedTensors.Single(t => t.Key == $"{mlp}.down_proj.bias").Value));
        back.Detach();
        Rewrite(t => t[$"{mlp}.original_module.down_proj.bias"].add_(1));
        Assert.Contains("original_module.down_proj.bias, which differs from the base's own: the bias was changed", Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Biases_that_LoRA_should_hold_are_missing()
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj"), Bias = "lora_only" });
        Rewrite(t =>
        {
            foreach (var key in t.Keys.Where(k => k.EndsWith(".bias", StringComparison.Ordinal)).ToList()) t.Remove(key);
        });
        Assert.Contains("base_model.model.model.layers.0.self_attn.q_proj.base_layer.bias: missing", Assert.Throws<InvalidDataException>(() => AdapterSet.Load(folder.Path, model)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"r\": 2", "\"r\": 2147483647", "rank 2147483647 is more than the longest axis of the folder's tensors, 16.")]
    [InlineData("[\n    \"q_proj\"\n  ]", "null", "target_modules is null. Hugging Face PEFT takes a default of the model's family then")]
    [InlineData("[\n    \"q_proj\"\n  ]", "[null]", "adapter_config.json: LORA: target_modules holds null where a name or a number is wanted.")]
    public void A_config_that_cannot_be_its_tensors_is_refused_before_anything_is_made(string written, string instead, string message)
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") });
        ChangeConfig(written, instead);
        Assert.Contains(message, Assert.ThrowsAny<Exception>(() => AdapterSet.Load(folder.Path, model)).Message, StringComparison.Ordinal);
        Assert.Empty(model.Adapters);
    }

    [Theory]
    [InlineData("\"init_lora_weights\": true", "\"init_lora_weights\": \"Gaussian\""), InlineData("\"rank_pattern\": {}", "\"rank_pattern\": null"), InlineData("\"alpha_pattern\": {}", "\"alpha_pattern\": null")]
    [InlineData("\"layers_pattern\": null", "\"layers_pattern\": \"\""), InlineData("[\n    \"q_proj\"\n  ]", "\".*layers\\\\.(?P<n>\\\\d+)\\\\.self_attn\\\\.q_proj\"")]
    public void What_PEFT_reads_is_read_and_written_back_as_it_stood(string written, string instead)
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") });
        var config = ChangeConfig(written, instead);
        var set = AdapterSet.Load(folder.Path, model);
        Assert.Equal(2, set.Places.Count);
        Assert.Equal(config, set.Config.ToJson());
    }

    [Fact]
    public void All_linear_is_read_in_any_case()
    {
        Save(new LoraConfig { Rank = 2, TargetModules = Targets.Matching("All-Linear") });
        var config = File.ReadAllText(folder.File("adapter_config.json"));
        var start = config.IndexOf("\"target_modules\": ", StringComparison.Ordinal);
        ChangeConfig(config[start..(config.IndexOf(']', start) + 1)], "\"target_modules\": \"All-Linear\"");
        Assert.Equal(14, AdapterSet.Load(folder.Path, model).Places.Count);
    }

    [Fact]
    public void A_folder_without_safetensors_says_what_it_has()
    {
        Save(new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj") });
        File.Move(folder.File("adapter_model.safetensors"), folder.File("adapter_model.bin"));
        Assert.Equal($"{folder.Path} has no adapter_model.safetensors. Its adapter_model.bin is a PyTorch pickle, which is not supported yet; save the adapter as safetensors.",
            Assert.Throws<FileNotFoundException>(() => AdapterSet.Load(folder.Path, model)).Message);
    }

    [Theory]
    [InlineData("lora", "\"modules_to_save\":\"lm_head\"", "LORA: modules_to_save is of the wrong kind: a list of names is wanted.")]
    [InlineData("lora", "\"target_modules\":[1]", "LORA: target_modules: a list of module names, a regular expression or \"all-linear\" is wanted.")]
    [InlineData("lora", "\"r\":null", "LORA: r is of the wrong kind: a whole number up to 2147483647 is wanted.")]
    [InlineData("lora", "\"r\":99999999999", "LORA: r is of the wrong kind: a whole number up to 2147483647 is wanted.")]
    [InlineData("lora", "\"rank_pattern\":{\"q_proj\":\"x\"}", "LORA: rank_pattern.q_proj is of the wrong kind: an object of whole numbers up to 2147483647 by name is wanted.")]
    [InlineData("lora", "\"alpha_pattern\":[1]", "LORA: alpha_pattern: an object of numbers by name is wanted.")]
    [InlineData("lora", "\"layers_to_transform\":\"a\"", "LORA: layers_to_transform: a whole number up to 2147483647 or a list of such is wanted.")]
    [InlineData("wegeft", "\"transform_dim\":1", "WeGeFT: transform_dim: input, output, or an object that holds one of them by name is wanted.")]
    [InlineData("wegeft", "\"tied_modules\":[\"q_proj\"]", "WeGeFT: tied_modules[0] is of the wrong kind: a list of lists of names is wanted.")]
    public void A_value_of_the_wrong_kind_is_said_in_plain_words(string method, string option, string message) =>
        Assert.Equal(message, Assert.Throws<JsonException>(() => PeftConfig.FromOptions(method, $"{{{option}}}")).Message);

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

    private string ChangeConfig(string written, string instead)
    {
        var path = folder.File("adapter_config.json");
        var config = File.ReadAllText(path);
        Assert.Contains(written, config, StringComparison.Ordinal);
        File.WriteAllText(path, config.Replace(written, instead, StringComparison.Ordinal));
        return File.ReadAllText(path);
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
