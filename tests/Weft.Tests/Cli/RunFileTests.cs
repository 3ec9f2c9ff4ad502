using System.Text.Json.Nodes;
using Weft.Cli;
using Weft.Cli.Runs;
using Weft.Methods;
using Weft.Tests.Checkpoints;
using Weft.Training;

namespace Weft.Tests.Cli;

/// <summary>Run files: what they hold, what is refused, and how the command line sets values over them.</summary>
public sealed class RunFileTests
{
    private const string Yaml = """
        # a comment
        model: weft-tiny
        method: LoRA
        adapter: { rank: 4, alpha: 8, target_modules: [q_proj, v_proj] }
        lora:
          lora_dropout: 0.1
        wegeft:
          sharing: layer
        data:
          train: rows.jsonl
          heldout: 0.1
          prompt: "A: {x}\n"
        train: { learning_rate: 1e-3, steps: 7, schedule: cosine, clip_norm: null }
        evaluate: { exact_match: 20, choices: [" a", " b"] }
        """;

    private const string Json = """
        {
          // a comment
          "model": "weft-tiny", "method": "LoRA",
          "adapter": { "rank": 4, "alpha": 8, "target_modules": ["q_proj", "v_proj"] },
          "lora": { "lora_dropout": 0.1 }, "wegeft": { "sharing": "layer" },
          "data": { "train": "rows.jsonl", "heldout": 0.1, "prompt": "A: {x}\n" },
          "train": { "learning_rate": 1e-3, "steps": 7, "schedule": "cosine", "clip_norm": null },
          "evaluate": { "exact_match": 20, "choices": [" a", " b"] },
        }
        """;

    [Fact]
    public void Values_become_settings()
    {
        var run = Read(Yaml);
        Assert.Equal("weft-tiny", run.Model);
        Assert.Equal("run", run.Name);
        Assert.Equal(0.1, run.Data.Heldout);
        Assert.Equal("A: {x}\n", run.Data.Text.Prompt);
        Assert.True(Path.IsPathRooted(run.Data.Train));
        Assert.Equal(20, run.Evaluate.ExactMatch);
        Assert.Equal([" a", " b"], run.Evaluate.Choices);
        var options = run.Train.Options;
        Assert.Equal((7, 1e-3, ScheduleShape.Cosine, null), (options.Steps, options.LearningRate, options.Schedule, options.ClipNorm));
        var lora = Assert.IsType<LoraConfig>(MethodOptions.ConfigOf(run));
        Assert.Equal((4, 8.0, 0.1), (lora.Rank, lora.Alpha, lora.Dropout));
        Assert.Equal(["q_proj", "v_proj"], lora.TargetModules!.Entries);
    }

    [Fact]
    public void YAML_and_JSON_say_the_same()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("run.yaml"), Yaml);
        File.WriteAllText(folder.File("run.json"), Json);
        Assert.Equal(RunFileWriter.Write(RunFileReader.Read(folder.File("run.yaml"), [])), RunFileWriter.Write(RunFileReader.Read(folder.File("run.json"), [])));
    }

    [Fact]
    public void The_resolved_file_reads_as_the_same_run()
    {
        var text = RunFileWriter.Write(Read(Yaml));
        Assert.Equal(text, RunFileWriter.Write(Read(text)));
        Assert.Contains("clip_norm: null", text, StringComparison.Ordinal);
        Assert.Contains($"output: {Path.GetFullPath("out")}", text, StringComparison.Ordinal); // not the folder that it is read from
    }

    [Fact]
    public void Another_method_takes_its_own_section_and_the_common_words()
    {
        var wegeft = Assert.IsType<WegeftConfig>(MethodOptions.ConfigOf(Read(Yaml, settings: "method=wegeft")));
        Assert.Equal((4, 8.0, "layer"), (wegeft.Rank, wegeft.Alpha, wegeft.Sharing));
    }

    [Fact]
    public void Settings_stand_over_the_file()
    {
        var run = Read(Yaml, "run.yaml", "adapter.target_modules=all-linear", "adapter.scale=sqrt", "train.seed=5", "evaluate.choices=[x, \"y z\"]", "data.heldout=0.25", "adapter.bias=adapted");
        var lora = (LoraConfig)MethodOptions.ConfigOf(run);
        Assert.True(lora.TargetModules!.IsAllLinear);
        Assert.True(lora.UseRslora);
        Assert.Equal("lora_only", lora.Bias);
        Assert.Equal(5, run.Train.Options.Seed);
        Assert.Equal(["x", "y z"], run.Evaluate.Choices);
        Assert.Equal(0.25, run.Data.Heldout);
    }

    [Theory]
    [InlineData("data.prompt={sentence}", "{sentence}")]
    [InlineData("data.prompt={a}: [x] {b", "{a}: [x] {b")]
    [InlineData("data.prompt=\"{a}\\n\"", "{a}\n")]
    [InlineData("data.prompt=null", null)]
    public void A_text_that_is_typed_may_begin_with_a_brace(string setting, string? prompt)
    {
        var run = Read(Yaml, "run.yaml", setting, "data.columns={prompt: sentence}");
        Assert.Equal(prompt, run.Data.Text.Prompt);
        Assert.Equal("sentence", run.Data.Text.Columns["prompt"]);
    }

    [Fact]
    public void Paths_are_seen_from_the_file_and_those_that_are_typed_from_here()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("run.yaml"), "model: m\ndata: { train: sub/rows.jsonl, heldout: h.jsonl }");
        var run = RunFileReader.Read(folder.File("run.yaml"), ["data.heldout=typed.jsonl"]);
        Assert.Equal(folder.File("sub", "rows.jsonl"), run.Data.Train);
        Assert.Equal(Path.GetFullPath("typed.jsonl"), run.Data.Heldout);
        Assert.Equal("m", run.Model);
        Directory.CreateDirectory(folder.File("m"));
        Assert.Equal(folder.File("m"), RunFileReader.Read(folder.File("run.yaml"), []).Model);
    }

    [Fact]
    public void Every_problem_is_named_at_once_with_its_line()
    {
        var e = Assert.Throws<UsageException>(() => Read("modle: x\nmethod: wegeft\ntrain:\n  learning_rate: fast\n  epochs: 1.5\n  schedule: cosin\nlearning_rat: 3\ndata: [1]\nwegeft: 3\n", "run.yaml", "adapter.rnak=3"));
        foreach (var part in new[]
        {
            "modle (line 1): there is no such key. Did you mean model?",
            "train.learning_rate (line 4): \"fast\" where a number is wanted.",
            "train.epochs (line 5): 1.5 where a whole number is wanted.",
            "train.schedule (line 6): \"cosin\" where one of ",
            "learning_rat (line 7): there is no such key.",
            "data (line 8): [1] where a section of keys is wanted.",
            "wegeft (line 9): 3 where a section of wegeft's options is wanted.",
            "adapter.rnak (command line): there is no such key. Did you mean adapter.rank?",
        }) Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("learning_rate: 1", "Did you mean train.learning_rate?")]
    [InlineData("method: wegfet", "method (line 1): there is no method \"wegfet\". Did you mean wegeft?")]
    [InlineData("method: full\nadapter:\n  rank: 4", "adapter.rank (line 3): Full has no such option.")]
    [InlineData("wegeft:\n  shairng: type", "wegeft.shairng (line 2): Wegeft has no such option. Did you mean sharing?")]
    [InlineData("a: [1", "run.yaml, line ")]
    [InlineData("model: x\nmodel: y", "Duplicate key")]
    [InlineData("train:\n  learning_rate: 1e400", "train.learning_rate (line 2): \"1e400\" where a number is wanted.")]
    [InlineData("adapter:\n  rank: 99999999999999", "adapter.rank (line 2): 99999999999999 is too large; 2147483647 is the most.")]
    [InlineData("train:\n  seed: -1e30", "is too small; -9007199254740992 is the least.")]
    [InlineData("method: lora\nadapter:\n  rank: 5\nlora:\n  r: 3", "lora.r (line 5) is 3 and adapter.rank (line 3) is 5, two words for one option.")]
    [InlineData("- 1", "the file is to hold keys and values")]
    [InlineData("a: 1\n---\nb: 2", "a second document begins")]
    public void What_does_not_fit_is_refused_by_name(string text, string message) =>
        Assert.Contains(message, Assert.Throws<UsageException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_pattern_with_dots_that_is_typed_as_a_key_is_answered_with_how_to_write_it()
    {
        var e = Assert.Throws<UsageException>(() => Read("model: x", settings: "adapter.rank_pattern.model.layers.0.self_attn.q_proj=3"));
        Assert.Contains("write adapter.rank_pattern={\"model.layers.0.self_attn.q_proj\": 3}.", e.Message, StringComparison.Ordinal);
        Assert.Equal(3, Read("model: x", settings: "adapter.rank_pattern={\"model.layers.0.self_attn.q_proj\": 3}").Adapter.RankPattern!["model.layers.0.self_attn.q_proj"]);
    }

    [Fact]
    public void Two_words_for_one_option_may_agree_and_those_of_the_defaults_give_way()
    {
        Assert.Equal(5, ((LoraConfig)MethodOptions.ConfigOf(Read("method: lora\nadapter: { rank: 5 }\nlora: { r: 5 }"))).Rank);
        var run = RunFileReader.Read(null, ["model=x", "method=lora", "lora.r=3"]);
        Assert.Equal((3, 32.0), (((LoraConfig)MethodOptions.ConfigOf(run)).Rank, ((LoraConfig)MethodOptions.ConfigOf(run)).Alpha));
        Assert.Equal(3, ((LoraConfig)MethodOptions.ConfigOf(Read(RunFileWriter.Write(run)))).Rank); // as a resumed run reads it
        Assert.Throws<UsageException>(() => RunFileReader.Read(null, ["model=x", "method=lora", "lora.r=3", "adapter={rank: 5}"]));
    }

    [Fact]
    public void A_folder_is_no_run_file_and_says_which_file_in_it_is()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains($"is a folder and no run file. A model is named with --model: --model {folder.Path}.", Assert.Throws<UsageException>(() => RunFileReader.Read(folder.Path, [])).Message, StringComparison.Ordinal);
        File.WriteAllText(folder.File("run.yaml"), "");
        Assert.Contains($"The run file in it is {folder.File("run.yaml")}.", Assert.Throws<UsageException>(() => RunFileReader.Read(folder.Path, [])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"model\": }", "line 1")]
    [InlineData("{\"model\": 1, \"model\": 2}", "uplicate")]
    [InlineData("[]", "one JSON object")]
    [InlineData("{\n\"train\": {\n\"steps\": \"x\"}}", "train.steps (line 3): \"x\" where a whole number is wanted.")]
    public void Broken_JSON_is_refused_with_its_line(string text, string message) =>
        Assert.Contains(message, Assert.Throws<UsageException>(() => Read(text, "run.json")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_self_referring_file_is_refused() =>
        Assert.ThrowsAny<UsageException>(() => Read("model: &a [*a]"));

    [Fact]
    public void A_section_may_be_emptied() => Assert.Null(Read(Yaml, settings: ["adapter=null", "method=full", "lora=null"]).Adapter.Rank);

    [Fact]
    public void The_schema_in_docs_is_current()
    {
        var file = Path.Combine(Checkout(), "docs", "run-file.schema.json");
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(File.ReadAllText(file)), RunFileSchema.Create()), "docs/run-file.schema.json is out of date: weft schema > docs/run-file.schema.json");
    }

    [Fact]
    public void Every_key_of_the_schema_is_described()
    {
        var missing = new List<string>();
        Walk(RunFileSchema.Create(), "", missing);
        Assert.Empty(missing);
    }

    [Fact]
    public void Every_recipe_reads()
    {
        foreach (var recipe in Directory.EnumerateFiles(Path.Combine(Checkout(), "recipes"), "*.yaml"))
        {
            var run = RunFileReader.Read(recipe, []);
            MethodOptions.ConfigOf(run);
            run.Train.Options.Validate();
            if (!MethodOptions.TrainsEverything(run)) MethodOptions.ConfigOf(RunFileReader.Read(recipe, ["method=lora"]));
        }
    }

    [Theory]
    [InlineData("trian", "train", 1)]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    public void Distance_counts_letters_to_change(string a, string b, int distance)
    {
        Assert.Equal(distance, NearestName.Distance(a, b));
        Assert.Equal(distance, NearestName.Distance(b, a));
    }

    private static void Walk(JsonObject schema, string path, List<string> missing)
    {
        foreach (var (key, value) in schema["properties"] as JsonObject ?? [])
        {
            if (string.IsNullOrEmpty((string?)value!["description"])) missing.Add($"{path}{key}");
            Walk((JsonObject)value, $"{path}{key}.", missing);
        }
    }

    private static RunFile Read(string text, string name = "run.yaml", params string[] settings)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(name), text);
        return RunFileReader.Read(folder.File(name), settings);
    }

    private static string Checkout()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Weft.slnx"))) folder = folder.Parent;
        return folder.FullName;
    }
}
