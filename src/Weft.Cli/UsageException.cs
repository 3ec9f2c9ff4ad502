namespace Weft.Cli;

/// <summary>The request cannot be understood; the message says which part and what is known instead.</summary>
internal sealed class UsageException(string message) : Exception(message);
