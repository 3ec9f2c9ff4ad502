namespace Weft.Cli.Finetuning;

/// <summary>Names of what a run leaves in its folder beside what Training writes.</summary>
internal static class RunNames
{
    /// <summary>The resolved run file.</summary>
    public const string RunFile = "run.yaml";

    /// <summary>The trained model, where the weights themselves were trained.</summary>
    public const string Model = "model";

    /// <summary>The loss curve.</summary>
    public const string LossCurve = "loss.png";

    /// <summary>Answers and scores before and after.</summary>
    public const string Results = "results.json";
}
