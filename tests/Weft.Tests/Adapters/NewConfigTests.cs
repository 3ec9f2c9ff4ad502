using System.Text.Json;
using Weft.Adapters;
using Weft.Methods;
using Weft.Models;
using Weft.Tests.Methods;

namespace Weft.Tests.Adapters;

/// <summary>What a new config says in its file: complete, and in the form that Hugging Face PEFT gives it.</summary>
public sealed class NewConfigTests : IDisposable
{
    private readonly CausalModel model = RandomLlama.Create();

    [Fact]
    public void Lists_of_modules_are_sorted_and_the_base_is_named()
    {
        var text = Written(new LoraConfig { Rank = 2, TargetModules = new Targets("v_proj", "q_proj"), ExcludeModules = new Targets("up_proj", "k_proj") });
        Assert.Contains("\"target_modules\": [\n    \"q_proj\",\n    \"v_proj\"\n  ]", text, StringComparison.Ordinal);
        Assert.Contains("\"exclude_modules\": [\n    \"k_proj\",\n    \"up_proj\"\n  ]", text, StringComparison.Ordinal);
        Assert.Contains("\"base_model_name_or_path\": \"a random llama\"", text, StringComparison.Ordinal);
        Assert.Contains("\"base_model_name_or_path\": \"mine\"", Written(PeftConfig.FromOptions("lora", """{"r":2,"target_modules":["q_proj"],"base_model_name_or_path":"mine"}""")), StringComparison.Ordinal);
    }

    [Theory, InlineData("1", "1"), InlineData("[1]", "[\n    1\n  ]")]
    public void A_bare_number_stays_bare(string given, string written) =>
        Assert.Contains($"\"layers_to_transform\": {written},", Written(PeftConfig.FromOptions("lora", $$"""{"r":2,"target_modules":["q_proj"],"layers_to_transform":{{given}}}""")), StringComparison.Ordinal);

    [Fact]
    public void All_linear_is_condensed_to_the_ends_of_paths_that_no_other_module_has()
    {
        Site Named(string name, int layer) => new(name, new Weft.Nn.Linear(new BaseTensor($"{name}.weight", ones(4, 4))), SiteRole.Other, layer);
        var sites = Enumerable.Range(0, 10).SelectMany(i => new[] { Named($"model.layers.{i}.attn.q", i), Named($"model.layers.{i}.mlp.w", i) });
        var plan = new LoraConfig { Rank = 1, TargetModules = Targets.Matching("all-linear") }.Plan(new TinyModel([.. sites]) { Bare = new BaseTensor("model.final.w.scale", ones(4)) });
        Assert.Equal(["mlp.w", "q"], plan.Config.TargetModules!.Entries);
        Assert.Equal(20, plan.Sites.Count);
        Assert.Equal(20, AdaptationPlan.For(plan.Config, plan.Model, isSaved: true).Sites.Count);
        Assert.Equal(14, new LoraConfig { Rank = 1, TargetModules = Targets.Matching("all-linear") }.Plan(model).Config.TargetModules!.Entries.Count);
    }

    [Fact]
    public void An_export_to_LoRA_names_the_base_too()
    {
        using var folder = new Checkpoints.TemporaryFolder();
        LoraExport.Write(new WegeftConfig { Rank = 2, TargetModules = new Targets("q_proj") }.AttachTo(model), folder.Path);
        using var config = JsonDocument.Parse(File.ReadAllText(folder.File("adapter_config.json")));
        Assert.Equal("a random llama", config.RootElement.GetProperty("base_model_name_or_path").GetString());
    }

    public void Dispose() => model.Dispose();

    private string Written(PeftConfig config) => config.Plan(model).Config.ToJson();
}
