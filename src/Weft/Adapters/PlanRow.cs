namespace Weft.Adapters;

/// <summary>One row of the plan's table: the modules of one pattern.</summary>
/// <param name="Pattern">Path with the layer's number replaced: <c>model.layers.*.self_attn.q_proj</c>.</param>
/// <param name="Sites">How many modules have it.</param>
/// <param name="Selected">How many of them are adapted.</param>
/// <param name="InFeatures">Width of their input.</param>
/// <param name="OutFeatures">Width of their output.</param>
/// <param name="Trainable">Numbers trained there; a shared pair counts at the site that stores it.</param>
/// <param name="TrainsBase">Whether tensors of the base themselves are trained there.</param>
public sealed record PlanRow(string Pattern, int Sites, int Selected, long InFeatures, long OutFeatures, long Trainable, bool TrainsBase);
