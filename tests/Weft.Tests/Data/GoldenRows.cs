using System.IO.Compression;
using System.Text.Json;

namespace Weft.Tests.Data;

/// <summary>Rows of the reference outputs for text.</summary>
internal static class GoldenRows
{
    public static readonly IReadOnlyDictionary<string, string[]> TokenizerFiles = new Dictionary<string, string[]>
    {
        ["gpt2"] = ["assets", "tokenizers", "gpt2", "tokenizer.json"],
        ["phi3_llama_style"] = ["assets", "tokenizers", "phi3_llama_style", "tokenizer.json"],
        ["smollm2"] = ["assets", "smollm2-135m", "tokenizer.json"],
        ["stories260K"] = ["golden", "text", "tokenizers", "stories260K", "tokenizer.json"],
    };

    /// <summary>The rows of a gzipped file of JSON lines below golden/text.</summary>
    public static List<JsonElement> Read(params string[] parts)
    {
        using var file = new GZipStream(File.OpenRead(SharedData.Path(["golden", "text", .. parts])), CompressionMode.Decompress);
        using var reader = new StreamReader(file);
        var rows = new List<JsonElement>();
        while (reader.ReadLine() is { } line) rows.Add(JsonDocument.Parse(line).RootElement);
        return rows;
    }

    public static Weft.Data.Tokenizer Tokenizer(string name) => Weft.Data.Tokenizer.Load(SharedData.Path(TokenizerFiles[name]));

    public static int[] Ints(this JsonElement row, string key) => [.. row.GetProperty(key).EnumerateArray().Select(n => n.GetInt32())];

    public static string Text(this JsonElement row, string key) => row.GetProperty(key).GetString()!;

    public static bool Has(this JsonElement row, string key) => row.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public static (int, int)[] Spans(this JsonElement row, string key) => [.. row.GetProperty(key).EnumerateArray().Select(s => (s[0].GetInt32(), s[1].GetInt32()))];
}
