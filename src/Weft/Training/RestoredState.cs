namespace Weft.Training;

/// <summary>Where a run goes on.</summary>
/// <param name="Folder">The saved state that was read.</param>
/// <param name="Step">Steps taken when it was saved.</param>
/// <param name="Notes">What the user should know: saved states that were found damaged and left out, a changed number of threads.</param>
public sealed record RestoredState(string Folder, int Step, IReadOnlyList<string> Notes);
