namespace Weft.Adapters;

/// <summary>An adapter where it stands.</summary>
/// <param name="Site">The site.</param>
/// <param name="Adapter">The adapter.</param>
/// <param name="NameOnDisk">The name of the site its tensors are stored under: the one it was read or targeted in.</param>
public sealed record Place(Site Site, Adapter Adapter, string NameOnDisk);
