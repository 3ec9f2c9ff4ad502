using System.CommandLine;
using Weft.Evaluation;

namespace Weft.Cli.Commands;

/// <summary>The options by which a line says how tokens are chosen.</summary>
internal sealed class SamplingOptions
{
    private readonly Option<double> temperature = new("--temperature") { Description = "What logits are divided by; 0 takes the most probable token (default).", HelpName = "T" };
    private readonly Option<int?> topK = new("--top-k") { Description = "Draw among the K most probable tokens; 0 for all.", HelpName = "K" };
    private readonly Option<double?> topP = new("--top-p") { Description = "Draw among the most probable tokens that have the mass P together.", HelpName = "P" };
    private readonly Option<double?> minP = new("--min-p") { Description = "Draw among tokens at least P times as probable as the most probable one.", HelpName = "P" };
    private readonly Option<double?> penalty = new("--repetition-penalty") { Description = "Makes tokens that have occurred less probable; 1 does nothing.", HelpName = "X" };
    private readonly Option<int> seed = new("--seed") { Description = "Seed of what is drawn.", HelpName = "N" };
    private readonly Option<int> most = new("--max-new-tokens") { Description = "Most tokens of an answer (default 256).", HelpName = "N", DefaultValueFactory = _ => 256 };
    private readonly Option<string[]> stop = new("--stop") { Description = "A text that ends an answer; may be given several times.", HelpName = "TEXT", DefaultValueFactory = _ => [] };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { temperature, topK, topP, minP, penalty, seed, most, stop }) command.Add(option);
    }

    /// <summary>What a line says.</summary>
    public GenerationOptions Read(ParseResult parsed) => new()
    {
        Sampling = new Sampling
        {
            // A filter without a temperature means to draw.
            Temperature = parsed.GetResult(temperature) is null && (TopK(parsed) is not null || parsed.GetValue(topP) is not null || parsed.GetValue(minP) is not null) ? 1 : parsed.GetValue(temperature),
            TopK = TopK(parsed),
            TopP = parsed.GetValue(topP),
            MinP = parsed.GetValue(minP),
            RepetitionPenalty = parsed.GetValue(penalty),
            Seed = parsed.GetValue(seed),
        },
        MaxNewTokens = parsed.GetValue(most),
        StopStrings = parsed.GetValue(stop) ?? [],
    };

    // 0 is how Hugging Face's options say that there is no such filter.
    private int? TopK(ParseResult parsed) => parsed.GetValue(topK) is var k and not 0 ? k : null;
}
