using System.Text.RegularExpressions;

namespace Weft.Tests.Conventions;

/// <summary>Size and words of what is in the tree.</summary>
public sealed class TextTests
{
    // Names that say nothing about what a thing holds.
    private static readonly Regex empty = new(@"^(\w*(Utils?|Utilities|Helpers?|Common|Manager|Misc)|Core)$");

    [Fact]
    public void A_file_has_at_most_400_lines() =>
        Assert.Empty(SourceTree.Sources("src", "tests").Select(f => (f, Lines: File.ReadLines(Path.Combine(SourceTree.Root, f)).Count())).Where(f => f.Lines > 400).Select(f => $"{f.f}: {f.Lines} lines"));

    [Fact]
    public void Names_of_files_and_folders_say_what_they_hold() =>
        Assert.All(SourceTree.Sources("src", "tests", "samples").SelectMany(f => f.Split('/')).Distinct(), p => Assert.DoesNotMatch(empty, Path.GetFileNameWithoutExtension(p)));

    [Fact]
    public void No_path_of_a_machine_and_no_private_host_stands_in_the_tree()
    {
        // Assembled, so that this file does not hold what it looks for.
        var paths = new Regex($@"(?<![\w.])/({string.Join('|', "home", "root", "work", "Users")})/[\w.-]+|[A-Z]:\\Users\\|\b(10\.\d{{1,3}}|192\.168|172\.(1[6-9]|2\d|3[01]))(\.\d{{1,3}}){{2}}\b|\blocalhost:\d+");
        var wrong = from file in SourceTree.Written()
                    from Match match in paths.Matches(SourceTree.Read(file))
                    where !file.EndsWith("TextTests.cs", StringComparison.Ordinal)
                    select $"{file}: {match.Value}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void Nothing_is_left_for_later()
    {
        var marks = new Regex($@"\b({string.Join('|', "TO" + "DO", "FIX" + "ME", "HA" + "CK", "XX" + "X")})\b|NotImplemented" + "Exception");
        Assert.Empty(SourceTree.Sources("src", "tests", "samples", "bench").SelectMany(f => marks.Matches(SourceTree.Read(f)).Select(m => $"{f}: {m.Value}")));
    }
}
