namespace Weft.Cli.Runs;

/// <summary>A byte-level BPE tokenizer made from the training text.</summary>
internal sealed record NewTokenizer
{
    /// <summary>Ids it has, special tokens included.</summary>
    public int VocabularySize { get; init; } = 2048;

    /// <summary>Whether every digit is a token of its own, so that numbers are spelt digit by digit.</summary>
    public bool IndividualDigits { get; init; }
}
