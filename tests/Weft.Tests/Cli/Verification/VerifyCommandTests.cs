using System.Text.Json.Nodes;
using Weft.Cli;

namespace Weft.Tests.Cli.Verification;

/// <summary>The verb as it is typed.</summary>
public sealed class VerifyCommandTests
{
    [Theory]
    [InlineData("verify", "Missing: all of them")]
    [InlineData("verify --model m --inputs i", "Missing: --expected")]
    [InlineData("verify somewhere --model m", "leave out --model")]
    public void A_line_that_names_too_little_or_too_much_is_a_wrong_line(string line, string part)
    {
        var (code, output, error) = Run(line.Split(' '));
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(part, error, StringComparison.Ordinal);
    }

    [Theory, InlineData("verify nowhere", "There is no folder nowhere"), InlineData("verify --model nowhere/at/all --inputs i --expected o", "inputs: no file i")]
    public void What_is_not_there_is_named_and_the_work_has_failed(string line, string part)
    {
        var (code, output, error) = Run(line.Split(' '));
        Assert.Equal((1, ""), (code, output));
        Assert.Contains(part, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_case_or_its_parts_give_the_same_report()
    {
        using var tiny = new TinyCase();
        tiny.Written();
        var (code, lines, _) = Run("verify", tiny.Folder);
        Assert.Equal(0, code);
        var verdict = lines.TrimEnd().Split('\n')[^1];
        Assert.Contains("all within their rule; 1 not checked", verdict, StringComparison.Ordinal);
        (code, var json, _) = Run("verify", "--model", tiny.File("model"), "--adapter", tiny.File("adapter"), "--inputs", tiny.File("inputs.safetensors"), "--expected", tiny.File("outputs.safetensors"), "--gradients-of", "", "--json");
        Assert.Equal(0, code);
        Assert.Equal(verdict.Trim(), (string)JsonNode.Parse(json)!["verdict"]!);
        (code, lines, _) = Run("verify", "--model", tiny.File("model"), "--inputs", tiny.File("inputs.safetensors"), "--expected", tiny.File("outputs.safetensors"));
        Assert.Contains("DIFFERENT", lines, StringComparison.Ordinal);
        Assert.Equal(1, code); // without the adapter the outputs are others
    }

    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var interruption = new Interruption();
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = CommandLine.Run(args, new Screen(output, error, TextReader.Null, interruption));
        return (code, output.ToString(), error.ToString());
    }
}
