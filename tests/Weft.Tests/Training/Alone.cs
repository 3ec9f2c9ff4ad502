namespace Weft.Tests.Training;

/// <summary>Tests that count all tensors of the process or draw from its one generator: nothing else runs beside them.</summary>
[CollectionDefinition("Alone", DisableParallelization = true)]
public sealed class Alone;
