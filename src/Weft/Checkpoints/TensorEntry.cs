namespace Weft.Checkpoints;

/// <summary>What a checkpoint says of one tensor without reading it.</summary>
/// <param name="Name">Its name as the file spells it.</param>
/// <param name="Kind">How its numbers are stored, as the file spells it: <c>F32</c>, <c>BF16</c>, <c>Q4_K</c> …</param>
/// <param name="Shape">Its shape in torch's order, the outermost dimension first.</param>
/// <param name="Bytes">Its size in the file, in bytes.</param>
/// <param name="File">The path of the file that holds it.</param>
public sealed record TensorEntry(string Name, string Kind, IReadOnlyList<long> Shape, long Bytes, string File);
