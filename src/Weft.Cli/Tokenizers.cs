using Weft.Data;

namespace Weft.Cli;

/// <summary>Tokenizers that a verb can do without.</summary>
internal static class Tokenizers
{
    /// <summary>The tokenizer of a model, or null where it has none.</summary>
    public static Tokenizer? OrNull(string model)
    {
        try
        {
            return LoadedModel.TokenizerOf(model);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }
}
