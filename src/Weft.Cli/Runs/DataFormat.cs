namespace Weft.Cli.Runs;

/// <summary>How a file of rows is written.</summary>
internal enum DataFormat
{
    /// <summary>By the ending of the file's name.</summary>
    Auto,

    /// <summary>One JSON object a line.</summary>
    Jsonl,

    /// <summary>One JSON list of objects.</summary>
    Json,

    /// <summary>Columns separated by tabs, with a line of headings unless columns names them.</summary>
    Tsv,
}
