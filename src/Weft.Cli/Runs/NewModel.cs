using System.Text.Json.Nodes;

namespace Weft.Cli.Runs;

/// <summary>A model that starts from random weights; method: full trains it.</summary>
internal sealed record NewModel
{
    /// <summary>Its config.json: the path of one, or its keys written here. vocab_size is the tokenizer's.</summary>
    [OneOf(typeof(string), typeof(JsonObject)), Path] public object? Config { get; init; }

    /// <summary>Its tokenizer: a folder that holds a tokenizer.json, or a section that says how one is made from the training text.</summary>
    [OneOf(typeof(string), typeof(NewTokenizer)), Path] public object? Tokenizer { get; init; }

    /// <summary>Standard deviation of the random matrices.</summary>
    public double Deviation { get; init; } = 0.02;
}
