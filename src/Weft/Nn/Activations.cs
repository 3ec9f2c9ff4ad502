namespace Weft.Nn;

/// <summary>The functions that <c>hidden_act</c> of a config.json names.</summary>
/// <remarks>As ACT2FN of transformers/activations.py: gelu is x Φ(x) by the error function, gelu_new and gelu_pytorch_tanh approximate it by a tanh.</remarks>
internal static class Activations
{
    private static readonly SortedDictionary<string, Func<Tensor, Tensor>> functions = new(StringComparer.Ordinal)
    {
        ["gelu"] = x => nn.functional.gelu(x),
        ["gelu_new"] = TorchScripts.GeluByTanh,
        ["gelu_pytorch_tanh"] = TorchScripts.GeluByTanh,
        ["relu"] = x => nn.functional.relu(x),
        ["silu"] = x => nn.functional.silu(x),
        ["swish"] = x => nn.functional.silu(x),
    };

    public static IEnumerable<string> All => functions.Keys;

    public static Func<Tensor, Tensor>? Find(string word) => functions.GetValueOrDefault(word);
}
