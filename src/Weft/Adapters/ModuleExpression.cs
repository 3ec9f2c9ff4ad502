using System.Text.RegularExpressions;

namespace Weft.Adapters;

/// <summary>A regular expression over module paths, with the meaning it has in Python's re.</summary>
internal sealed class ModuleExpression
{
    private static readonly TimeSpan limit = TimeSpan.FromSeconds(1); // a path takes microseconds
    private readonly Regex regex;
    private readonly string written;

    private ModuleExpression(string pattern, string written)
    {
        this.written = written;
        try
        {
            regex = new Regex(pattern, RegexOptions.CultureInvariant, limit);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"\"{written}\" is not a regular expression: {e.Message}", e);
        }
    }

    /// <summary>Matches the whole path, as re.fullmatch.</summary>
    public static ModuleExpression Whole(string expression) => new($"^(?:{expression})\\z", expression);

    /// <summary>Matches from the start of the path, as re.match.</summary>
    public static ModuleExpression Start(string expression) => new($"^(?:{expression})", expression);

    /// <summary>Matches the end of the path, as PEFT's patterns of rank and alpha do.</summary>
    public static ModuleExpression End(string expression) => new($"^(?:.*\\.)?(?:{expression})\\z", expression);

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
