namespace Weft.Checkpoints;

/// <summary>A tensor of a GGUF file as it is packed there.</summary>
/// <param name="Entry">What the file says of it.</param>
/// <param name="Kind">How its numbers are packed.</param>
/// <param name="Position">Its first byte, counted from the start of the file.</param>
internal readonly record struct PackedTensor(TensorEntry Entry, GgufKind Kind, long Position);
