using System.Text.RegularExpressions;

namespace Weft.Adapters;

/// <summary>A regular expression over module paths, with the meaning it has in Python's re.</summary>
internal sealed class ModuleExpression
{
    private static readonly TimeSpan limit = TimeSpan.FromSeconds(1); // a path takes microseconds
    private static readonly Regex ofPython = new(@"(?<=(?<!\\)(?:\\\\)*)\(\?P<", RegexOptions.CultureInvariant); // (?P<name>…), where the parenthesis is not escaped
    private readonly Regex regex;
    private readonly string written;

    private ModuleExpression(string pattern, string written)
    {
        this.written = written;
        var wrapped = ofPython.Replace(pattern, "(?<");
        try
        {
            regex = new Regex(wrapped, RegexOptions.CultureInvariant, limit);
        }
        catch (RegexParseException e)
        {
            var reason = e.Message.Replace($" '{wrapped}' at offset {e.Offset}", "", StringComparison.Ordinal); // which nobody wrote
            throw new ArgumentException($"\"{written}\" is not a regular expression: {reason}", e);
        }
    }

    /// <summary>Matches the whole path, as re.fullmatch.</summary>
    public static ModuleExpression Whole(string expression) => new($"^(?:{expression})\\z", expression);

    /// <summary>Matches from the start of the path, as re.match.</summary>
    /// <param name="expression">The expression.</param>
    /// <param name="written">What a person wrote, where the expression is built around that.</param>
    public static ModuleExpression Start(string expression, string? written = null) => new($"^(?:{expression})", written ?? expression);

    /// <summary>Matches the end of the path, as PEFT's patterns of rank and alpha do.</summary>
    public static ModuleExpression End(string expression) => new($"^(?:.*\\.)?(?:{expression})\\z", expression);

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

    /// <summary>Whether it matches a path.</summary>
    /// <exception cref="InvalidDataException">It takes too long.</exception>
    public bool IsMatch(string path) => Match(path).Success;

    /// <summary>The match in a path.</summary>
    /// <exception cref="InvalidDataException">It takes too long.</exception>
    public Match Match(string path)
    {
        try
        {
            return regex.Match(path);
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new InvalidDataException($"The expression \"{written}\" is not done with {path} after {limit.TotalSeconds:0} s. Write it without a repetition inside a repetition, or list the modules.", e);
        }
    }
}
