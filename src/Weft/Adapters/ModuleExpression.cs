using System.Text.RegularExpressions;

namespace Weft.Adapters;

/// <summary>Regular expressions over module paths, with the meaning they have in Python's re.</summary>
internal static class ModuleExpression
{
    private static readonly Regex ofPython = new(@"(?<=(?<!\\)(?:\\\\)*)\(\?P<", RegexOptions.CultureInvariant); // (?P<name>…), where the parenthesis is not escaped

    /// <summary>Matches the whole path, as re.fullmatch.</summary>
    public static Regex Whole(string expression) => Compile($"^(?:{expression})\\z", expression);

    /// <summary>Matches from the start of the path, as re.match.</summary>
    /// <param name="expression">The expression.</param>
    /// <param name="written">What a person wrote, where the expression is built around that.</param>
    public static Regex Start(string expression, string? written = null) => Compile($"^(?:{expression})", written ?? expression);

    /// <summary>Matches the end of the path, as PEFT's patterns of rank and alpha do.</summary>
    public static Regex End(string expression) => Compile($"^(?:.*\\.)?(?:{expression})\\z", expression);

    /// <summary>The key of a table of ranks or alphas that counts at a site: the first, as written, that matches the end of its path; null where none does.</summary>
    /// <param name="option">What the table is called.</param>
    /// <param name="table">Values by name or expression.</param>
    /// <param name="site">The site.</param>
    /// <param name="isSaved">Whether the table stands in a file, whose order then decides.</param>
    /// <exception cref="ArgumentException">In a new config two keys give the site different values: a file is sorted, so reading it back could take the other.</exception>
    public static string? KeyFor<T>(string option, IReadOnlyDictionary<string, T> table, Site site, bool isSaved)
    {
        var keys = table.Keys.Where(k => site.Names.Any(End(k).IsMatch)).ToList();
        if (!isSaved && keys.FirstOrDefault(k => !Equals(table[k], table[keys[0]])) is { } other)
            throw new ArgumentException($"{option} gives it two values: \"{keys[0]}\" {table[keys[0]]} and \"{other}\" {table[other]}. A saved file holds its keys sorted, so which comes first is lost: let one key match a module.");
        return keys.Count > 0 ? keys[0] : null;
    }

    private static Regex Compile(string pattern, string written)
    {
        try
        {
            return new Regex(ofPython.Replace(pattern, "(?<"), RegexOptions.CultureInvariant, TimeSpan.FromSeconds(2));
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"\"{written}\" is not a regular expression: {e.Message}", e);
        }
    }
}
