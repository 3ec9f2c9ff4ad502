using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Weft.Adapters;

/// <summary>Tells one base model from another: its config, the names and shapes of its tensors, and a fixed sample of each one's numbers.</summary>
public static class Fingerprint
{
    private const int SamplesPerTensor = 16;

    // Keys of config.json that say how a file was written or served, not what the model computes.
    private static readonly HashSet<string> incidental = ["_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache", "architectures"];

    /// <summary>The fingerprint of a model as loaded, hexadecimal.</summary>
    /// <remarks>The sample is read from the checkpoint, so it does not depend on the precision the model was loaded in.</remarks>
    public static string Of(BaseModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.FingerprintOfWeights.Value;
    }

    internal static string Compute(BaseModel model)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, value) in model.Config.Where(c => !incidental.Contains(c.Key)).OrderBy(c => c.Key, StringComparer.Ordinal))
            Append(hash, $"{key}={Canonical(value)}\n");
        foreach (var tensor in model.Tensors.Where(t => t.TiedTo is null).OrderBy(t => t.Key, StringComparer.Ordinal))
        {
            Append(hash, $"{tensor.Key} ({string.Join(", ", tensor.Shape)})\n");
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            hash.AppendData(tensor.Sample(Draw));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static byte[] Draw(Tensor value)
    {
        var count = value.numel();
        var n = Math.Min(count, SamplesPerTensor);
        var places = tensor([.. Enumerable.Range(0, (int)n).Select(i => n == 1 ? 0 : i * (count - 1) / (n - 1))]);
        return value.reshape(-1).index_select(0, places).to(ScalarType.Float32).cpu().contiguous().bytes.ToArray();
    }

    private static void Append(IncrementalHash hash, string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));

    private static string Canonical(JsonNode? node) => node switch
    {
        JsonObject o => "{" + string.Join(",", o.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}:{Canonical(p.Value)}")) + "}",
        JsonArray a => "[" + string.Join(",", a.Select(Canonical)) + "]",
        null => "null",
        _ => node.ToJsonString(),
    };
}
