namespace Weft.Cli.Runs;

/// <summary>A setting that names a file or folder, seen from the folder of the run file, or from the present one when it is given on the command line.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PathAttribute : Attribute
{
    /// <summary>Whether the text may also be a name, which stays as it is unless a file or folder is called so.</summary>
    public bool OrName { get; init; }
}
