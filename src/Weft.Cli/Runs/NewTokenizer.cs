namespace Weft.Cli.Runs;

/// <summary>A byte-level BPE tokenizer made from the training text.</summary>
internal sealed record NewTokenizer
{
    /// <summary>Ids it has, special tokens included.</summary>
    public int VocabularySize { get; init; } = 2048;
}
