namespace Weft.Checkpoints;

/// <summary>A tensor whose numbers lie in a mapped file in a type that torch has.</summary>
/// <param name="Entry">What the file says of it.</param>
/// <param name="Type">The type of its numbers.</param>
/// <param name="Position">Its first byte, counted from the start of the file.</param>
internal readonly record struct StoredTensor(TensorEntry Entry, ScalarType Type, long Position);
