namespace Weft.Cli.Runs;

/// <summary>What happens to a row that is longer than it may be.</summary>
internal enum LongRows
{
    /// <summary>The prompt loses tokens at its start, the completion at its end.</summary>
    Cut,

    /// <summary>The row is left out.</summary>
    Drop,

    /// <summary>The row is an error.</summary>
    Refuse,
}
