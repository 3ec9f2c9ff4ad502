namespace Weft.Cli.Verification;

/// <summary>Something expected that is not compared.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Reason">Why.</param>
internal sealed record Unchecked(string Name, string Reason);
