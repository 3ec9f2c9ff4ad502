using System.CommandLine;
using System.Text.Json.Nodes;
using Weft.Cli.Verification;

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
        using var output = new StringWriter();
        var parsed = new RootCommand { VerifyCommand.Create(output) }.Parse(line);
        Assert.Contains(part, Assert.Single(parsed.Errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_case_or_its_parts_give_the_same_report()
    {
        using var tiny = new TinyCase();
        tiny.Written();
        var (code, lines) = Run("verify", tiny.Folder);
        Assert.Equal(0, code);
        var verdict = lines.TrimEnd().Split('\n')[^1];
        Assert.Contains("all within their rule; 1 not checked", verdict, StringComparison.Ordinal);
        (code, var json) = Run("verify", "--model", tiny.File("model"), "--adapter", tiny.File("adapter"), "--inputs", tiny.File("inputs.safetensors"), "--expected", tiny.File("outputs.safetensors"), "--gradients-of", "", "--json");
        Assert.Equal(0, code);
        Assert.Equal(verdict.Trim(), (string)JsonNode.Parse(json)!["verdict"]!);
        (code, _) = Run("verify", "--model", tiny.File("model"), "--inputs", tiny.File("inputs.safetensors"), "--expected", tiny.File("outputs.safetensors"));
        Assert.Equal(1, code); // without the adapter the outputs are others
    }

    private static (int Code, string Output) Run(params string[] args)
    {
        using var output = new StringWriter();
        var code = new RootCommand { VerifyCommand.Create(output) }.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        return (code, output.ToString());
    }
}
