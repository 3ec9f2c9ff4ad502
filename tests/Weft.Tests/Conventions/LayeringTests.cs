using System.Text.RegularExpressions;
using Weft.Adapters;

namespace Weft.Tests.Conventions;

/// <summary>Folders of the library are layers, and no layer but the methods' own knows a method.</summary>
public sealed class LayeringTests
{
    private static readonly string[] layers = ["Native", "Checkpoints", "Adapters", "Nn", "Methods", "Models", "Data", "Training", "Evaluation"];

    [Fact]
    public void Every_folder_of_the_library_is_a_layer()
    {
        var folders = SourceTree.Sources("src/Weft").Select(f => f.Split('/')).Where(p => p.Length > 3).Select(p => p[2]).Distinct();
        Assert.All(folders, f => Assert.Contains(f, layers));
    }

    [Fact]
    public void A_layer_uses_only_the_layers_below_it()
    {
        var wrong = from file in SourceTree.Sources("src/Weft")
                    let parts = file.Split('/')
                    where parts.Length > 3
                    let own = Array.IndexOf(layers, parts[2])
                    let text = WithoutComments(SourceTree.Read(file))
                    from above in layers[(own + 1)..]
                    where Regex.IsMatch(text, $@"\bWeft\.{above}\b") || Regex.IsMatch(text, $@"(?<![\w.]){above}\.({string.Join('|', TypesOf(above))})\b")
                    select $"{file} uses {above}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void A_namespace_is_its_folder()
    {
        var wrong = from file in SourceTree.Sources("src", "tests")
                    let folder = Path.GetDirectoryName(file)!.Replace('\\', '/')
                    let found = Regex.Match(SourceTree.Read(file), @"^namespace ([\w.]+);", RegexOptions.Multiline)
                    where found.Success && found.Groups[1].Value != folder[(folder.IndexOf('/') + 1)..].Replace('/', '.')
                    select $"{file} is in {found.Groups[1].Value}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void Nobody_but_tests_samples_and_the_command_line_names_a_method()
    {
        var methods = PeftMethods.All.Values.Where(t => t.Namespace == "Weft.Methods").Select(t => t.Name).ToList();
        var wrong = from file in SourceTree.Sources("src/Weft")
                    where !file.StartsWith("src/Weft/Methods/", StringComparison.Ordinal)
                    let text = WithoutComments(SourceTree.Read(file))
                    from method in methods
                    where Regex.IsMatch(text, $@"\b{method}\b")
                    select $"{file} names {method}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void A_file_of_methods_holds_one_method()
    {
        foreach (var file in SourceTree.Sources("src/Weft/Methods"))
            Assert.True(Regex.Count(SourceTree.Read(file), @"^\[PeftMethod\(", RegexOptions.Multiline) <= 1, $"{file} holds several methods");
        Assert.All(PeftMethods.All.Values.Where(t => t.Namespace == "Weft.Methods"), t => Assert.True(File.Exists(Path.Combine(SourceTree.Root, "src/Weft/Methods", t.Name[..^"Config".Length] + ".cs")), $"{t.Name} has no file of its own"));
    }

    private static IEnumerable<string> TypesOf(string layer) => typeof(BaseModel).Assembly.GetTypes().Where(t => t.Namespace == $"Weft.{layer}" && !t.IsNested && !t.Name.Contains('<')).Select(t => t.Name.Split('`')[0]);

    private static string WithoutComments(string text) => Regex.Replace(text, @"//.*$", "", RegexOptions.Multiline);
}
