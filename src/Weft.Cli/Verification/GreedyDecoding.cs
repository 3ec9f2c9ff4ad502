using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Models;
using Weft.Nn;
using static TorchSharp.torch;

namespace Weft.Cli.Verification;

/// <summary>Greedy generation with a cache, as a reference's generate does it: positions count each row's real tokens.</summary>
internal static class GreedyDecoding
{
    /// <summary>The likeliest next tokens of each row.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompt">Rows padded on the left; its positions are counted anew.</param>
    /// <param name="count">How many tokens.</param>
    /// <param name="ends">Tokens that end a row; once all rows have one the rest is filled with it.</param>
    /// <returns>The new tokens (batch, count), int64.</returns>
    public static Tensor Run(CausalModel model, TokenInput prompt, int count, IReadOnlyCollection<long> ends)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var rows = (int)prompt.Ids.shape[0];
        using var cache = new KvCache(model.LayerCount, prompt.Ids.shape[1] + count);
        var result = full([rows, count], ends.FirstOrDefault(), dtype: ScalarType.Int64);
        var mask = prompt.Mask ?? ones_like(prompt.Ids);
        var next = mask.sum(1, keepdim: true);
        var input = new TokenInput(prompt.Ids, mask, (mask.cumsum(1) - 1).clamp_min(0));
        var ended = new bool[rows];
        for (var i = 0; i < count && !ended.All(e => e); i++)
        {
            var tokens = model.NextLogits(input, cache).argmax(1, keepdim: true);
            result.narrow(1, i, 1).copy_(tokens);
            foreach (var (token, row) in tokens.data<long>().ToArray().Select((t, r) => (t, r))) ended[row] |= ends.Contains(token);
            mask = cat([mask, ones(rows, 1, dtype: ScalarType.Int64)], 1);
            input = new TokenInput(tokens, mask, next + i);
        }
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Tokens that end a row: those of generation_config.json beside the model, else those of its config.</summary>
    public static IReadOnlyCollection<long> EndsOf(string model, JsonObject config)
    {
        var path = Path.Combine(LoadedModel.FolderOf(model), SideFiles.GenerationFile);
        var own = File.Exists(path) ? JsonFile.Read(path).Value : null;
        return [.. SideFiles.EndsIn(own?["eos_token_id"] is null ? config : own)];
    }
}
