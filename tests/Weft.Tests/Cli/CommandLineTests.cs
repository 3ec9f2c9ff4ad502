using System.Text.Json.Nodes;
using Weft.Cli;

namespace Weft.Tests.Cli;

/// <summary>What is typed: verbs, options, help, and the exit codes.</summary>
public sealed class CommandLineTests
{
    public static TheoryData<string> Verbs => ["train", "eval", "generate", "plan", "merge", "export", "convert", "inspect", "methods", "models", "doctor", "schema", "completion"];

    [Theory, MemberData(nameof(Verbs))]
    public void Help_of_every_verb_ends_with_examples(string verb)
    {
        var (code, output, error) = Tool.Run(verb, "--help");
        Assert.Equal(ExitCode.Done, code);
        Assert.Equal("", error);
        Assert.Contains("Usage:", output, StringComparison.Ordinal);
        Assert.Contains($"Examples:{Environment.NewLine}  ", output, StringComparison.Ordinal);
        Assert.Contains($"weft {verb}", output[output.IndexOf("Examples:", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    [Fact]
    public void Help_lists_the_verbs()
    {
        var (code, output, _) = Tool.Run("--help");
        Assert.Equal(ExitCode.Done, code);
        foreach (var row in Verbs) Assert.Contains(row.Data, output, StringComparison.Ordinal);
    }

    [Fact]
    public void Version_is_one_line()
    {
        var (code, output, _) = Tool.Run("--version");
        Assert.Equal(ExitCode.Done, code);
        Assert.Matches(@"^\d+\.\d+\.\d+\S*\s*$", output);
    }

    [Theory]
    [InlineData("weft has no verb \"trian\". Did you mean train?", "trian")]
    [InlineData("--threads is many; it is to be a whole number.", "generate", "x", "--model", "weft-tiny", "--threads", "many")]
    [InlineData("--precision is fp64; it is to be auto or fp32 or bf16.", "generate", "x", "--model", "weft-tiny", "--precision", "fp64")]
    [InlineData("weft train has no option --modle. Did you mean --model?", "train", "--modle", "x")]
    [InlineData("weft plan has no option --jsno. Did you mean --json?", "plan", "--jsno")]
    [InlineData("weft inspect has no option --lal. Did you mean --all?", "inspect", "x", "--lal")]
    [InlineData("A verb is missing.")]
    [InlineData("A run file or --model is wanted", "train")]
    [InlineData("Two run files are named, a.yaml and b.yaml", "train", "a.yaml", "b.yaml")]
    [InlineData("There is no method \"wegfet\". Did you mean WeGeFT?", "methods", "wegfet")]
    [InlineData("There is no completion for \"bahs\". Did you mean bash?", "completion", "bahs")]
    [InlineData("--resume goes on with a run as it was", "train", "--resume", "x", "train.steps=3")]
    [InlineData("--resume goes on with a run as it was", "train", "--resume", "x", "--data", "rows.jsonl")]
    [InlineData("--dtype is fp8; it is fp32 or bf16.", "convert", "a.gguf", "b", "--dtype", "fp8")]
    public void What_cannot_be_understood_is_said_with_what_is_near(string message, params string[] args)
    {
        var (code, output, error) = Tool.Run(args);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Equal("", output);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train", "training/nothing.yaml")]
    [InlineData("inspect", "nowhere/at/all")]
    [InlineData("plan", "--model", "nowhere")]
    [InlineData("train", "--resume", "nowhere")]
    [InlineData("convert", "nowhere.gguf", "out")]
    public void What_is_not_there_is_said_and_fails(params string[] args)
    {
        var (code, _, error) = Tool.Run(args);
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("There is no", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_another_kind_is_no_run_file()
    {
        using var folder = new Checkpoints.TemporaryFolder();
        File.WriteAllText(folder.File("model.bin"), "");
        var (code, _, error) = Tool.Run("train", folder.File("model.bin"));
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("model.bin is no run file", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_are_JSON_where_JSON_was_asked_for()
    {
        var (code, output, _) = Tool.Run("inspect", "nowhere/at/all", "--json");
        Assert.Equal(ExitCode.Failed, code);
        Assert.Contains("nowhere/at/all", (string)JsonNode.Parse(output)!["error"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("weft has no verb \"bogus\"", "bogus", "--json")]
    [InlineData("A verb is missing", "--json")]
    public void A_line_without_a_verb_is_answered_in_JSON_too(string message, params string[] args)
    {
        var (code, output, _) = Tool.Run(args);
        Assert.Equal(ExitCode.Usage, code);
        var error = (string)JsonNode.Parse(output)!["error"]!;
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain("no option", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plan", "--model", "weft-tiny")]
    [InlineData("doctor")]
    [InlineData("export", "--to", "lora", "--model", "weft-tiny", "--adapter", "x", "--out", "nowhere/lora")]
    public void Verbs_that_compute_take_a_number_of_threads(params string[] args)
    {
        var (code, _, error) = Tool.Run([.. args, "--threads", "0"]);
        Assert.Equal(ExitCode.Usage, code);
        Assert.Contains("--threads is 0; at least one is needed.", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    public void Completion_scripts_ask_the_program(string shell)
    {
        var (code, output, _) = Tool.Run("completion", shell);
        Assert.Equal(ExitCode.Done, code);
        Assert.Contains("[suggest:", output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_program_suggests_verbs_and_options()
    {
        Assert.Contains("train", Tool.Run("[suggest:2]", "tr").Output, StringComparison.Ordinal);
        Assert.Contains("--model", Tool.Run("[suggest:9]", "merge --m").Output, StringComparison.Ordinal);
        Assert.Contains("wegeft", Tool.Run("[suggest:8]", "methods ").Output, StringComparison.Ordinal);
        Assert.Contains("lora", Tool.Run("[suggest:15]", "train --method ").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unforeseen_exception_is_one_line_and_the_way_to_more()
    {
        var failure = Failure.Of(new FormatException("odd\nand more"));
        Assert.Equal(ExitCode.Failed, failure.Code);
        Assert.Equal("FormatException: odd\nThis is not a failure that Weft foresees. WEFT_TRACE=1 shows where it comes from.", failure.Message);
    }

    [Fact]
    public void A_full_disk_is_said_with_what_to_do()
    {
        var failure = Failure.Of(new IOException("No space left on device : '/x'", unchecked((int)0x80070000) | 28));
        Assert.Contains("Free space", failure.Message, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Interrupted, Failure.Of(new OperationCanceledException()).Code);
        Assert.DoesNotContain("Parameter", Failure.Of(new ArgumentException("no", "x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_does_not_load_libtorch()
    {
        if (!OperatingSystem.IsLinux()) Assert.Skip("Only Linux's loader says what it loads.");
        using var process = Tool.Start(new Dictionary<string, string> { ["LD_DEBUG"] = "files" }, "--help");
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("libtorch_cpu", await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("Usage:", await output, StringComparison.Ordinal);
    }
}
