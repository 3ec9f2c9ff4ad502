using System.Text.Json.Nodes;

namespace Weft.Cli.Runs;

/// <summary>A run file: which model learns what, by which method, and how it is judged.</summary>
internal sealed record RunFile
{
    /// <summary>The base: weft-tiny, a folder in Hugging Face's layout, a .gguf file, org/name in the local Hugging Face cache, or a section that describes a new model.</summary>
    [OneOf(typeof(string), typeof(NewModel)), Path(OrName = true)] public object? Model { get; init; }

    /// <summary>What frozen weights are held and multiplied in. auto takes bf16 where the CPU multiplies it in hardware and the model is large, else fp32.</summary>
    public PrecisionChoice Precision { get; init; }

    /// <summary>The method, by its name in any case; `weft methods` lists them. full trains every weight.</summary>
    public string Method { get; init; } = "wegeft";

    /// <summary>Options that methods have in common, in words that do not depend on the method.</summary>
    public AdapterSection Adapter { get; init; } = new();

    /// <summary>What is learned from.</summary>
    public DataSection Data { get; init; } = new();

    /// <summary>How it is learned.</summary>
    public TrainSection Train { get; init; } = new();

    /// <summary>How the result is judged.</summary>
    public EvaluateSection Evaluate { get; init; } = new();

    /// <summary>The folder that holds the folders of runs.</summary>
    [Path] public string Output { get; init; } = "out";

    /// <summary>The sections of single methods, by the method's name; each holds keys as that method's adapter_config.json spells them, and acts only when the method runs.</summary>
    internal IReadOnlyDictionary<string, JsonObject> Methods { get; init; } = new Dictionary<string, JsonObject>();

    /// <summary>The name of the recipe: its file's name without the ending.</summary>
    internal string Name { get; init; } = "run";

    /// <summary>The base's path or name.</summary>
    /// <exception cref="UsageException">No model is given, or a new one is described.</exception>
    internal string ModelName => Model as string
        ?? throw new UsageException(Model is null ? "model is not given. Name a folder, a .gguf file, org/name or a built-in base: model=weft-tiny." : "model describes a new model, which only `weft train` can make.");

    /// <summary>Refuses a run without data.</summary>
    /// <exception cref="UsageException">No file of rows is named.</exception>
    internal void RequireData()
    {
        if (Data.Train is null) throw new UsageException("data.train is not given. Name a file of rows (.jsonl, .json, .tsv): data.train=rows.jsonl, or --data rows.jsonl.");
    }
}
