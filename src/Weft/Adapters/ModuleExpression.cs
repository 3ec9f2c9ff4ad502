using System.Text.RegularExpressions;

namespace Weft.Adapters;

/// <summary>Regular expressions over module paths, with the meaning they have in Python's re.</summary>
internal static class ModuleExpression
{
    /// <summary>Matches the whole path, as re.fullmatch.</summary>
    public static Regex Whole(string expression) => Compile($"^(?:{expression})\\z", expression);

    /// <summary>Matches from the start of the path, as re.match.</summary>
    public static Regex Start(string expression) => Compile($"^(?:{expression})", expression);

    /// <summary>Matches the end of the path, as PEFT's patterns of rank and alpha do.</summary>
    public static Regex End(string expression) => Compile($"^(?:.*\\.)?(?:{expression})\\z", expression);

    private static Regex Compile(string pattern, string written)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(2));
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"\"{written}\" is not a regular expression: {e.Message}", e);
        }
    }
}
