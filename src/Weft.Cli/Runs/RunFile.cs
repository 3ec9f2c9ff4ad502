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

    /// <summary>Refuses a run without data, and settings that nothing can be done with.</summary>
    /// <param name="judges">Whether what is set for judging must have held-out rows to judge by.</param>
    /// <param name="readsData">Whether rows are read, so that a file of them must be named.</param>
    /// <exception cref="UsageException">No file of rows is named, values are out of range, or settings would do nothing: all of them.</exception>
    internal void Validate(bool judges = false, bool readsData = true)
    {
        var problems = new List<string>();
        void Require(bool holds, string problem)
        {
            if (!holds) problems.Add(problem);
        }

        Require(!readsData || Data.Train is not null, "data.train is not given; name a file of rows (.jsonl, .json, .tsv): data.train=rows.jsonl, or --data rows.jsonl");
        Require(Data.Heldout is not double share || share is >= 0 and < 1, $"data.heldout is {Data.Heldout}; a share is from 0 to less than 1, and anything else the name of a file");
        Require(Data.HeldoutLimit is null or >= 1, $"data.heldout_limit is {Data.HeldoutLimit}; it must be 1 or more rows, or null for all");
        Require(Data.Text.Skip >= 0, $"data.skip is {Data.Text.Skip}; it must be 0 or more rows");
        Require(Data.Text.Limit is null or >= 1, $"data.limit is {Data.Text.Limit}; it must be 1 or more rows, or null for all");
        Require(Data.PackLength is null or >= 2, $"data.pack_length is {Data.PackLength}; it must be 2 or more tokens, or null to pack nothing");
        Require(Data.BucketBatches >= 1, $"data.bucket_batches is {Data.BucketBatches}; it must be 1 or more");
        problems.AddRange(Train.Options.Problems().Select(p => $"train.{p}"));
        Require(Train.BatchSize >= 1, $"train.batch_size is {Train.BatchSize}; it must be 1 or more rows");
        Require(Train.CheckpointAboveMb >= 0, $"train.checkpoint_above_mb is {Train.CheckpointAboveMb}; it must be 0 or more MB");
        Require(Train.Threads is null or >= 1, $"train.threads is {Train.Threads}; it must be 1 or more, or null for the physical cores");
        Require(Evaluate.ExactMatch is not int count || count >= 0, $"evaluate.exact_match is {Evaluate.ExactMatch}; it must be true, false, or a number of rows");
        Require(Evaluate.MaxNewTokens >= 1, $"evaluate.max_new_tokens is {Evaluate.MaxNewTokens}; an answer has at least one token");
        Require(Evaluate.BatchSize >= 1, $"evaluate.batch_size is {Evaluate.BatchSize}; it must be 1 or more rows");
        Require(Evaluate.Samples >= 0, $"evaluate.samples is {Evaluate.Samples}; it must be 0 or more rows");
        if (judges && (Data.Heldout is null or 0.0))
        {
            (string Key, bool IsSet)[] judging =
            [
                ("train.evaluate_every", Train.Options.EvaluateEvery is not null), ("train.patience", Train.Options.Patience is not null), ("data.heldout_limit", Data.HeldoutLimit is not null),
                ("evaluate.exact_match", Evaluate.ExactMatch is not (false or 0)), ("evaluate.choices", Evaluate.Choices is { Count: > 0 }),
            ];
            var set = judging.Where(j => j.IsSet).Select(j => j.Key).ToList();
            Require(set.Count == 0, $"{string.Join(", ", set)} {(set.Count == 1 ? "is" : "are")} set, and there are no held-out rows to judge by; name some (data.heldout=rows.jsonl, or a share: data.heldout=0.1), or set {(set.Count == 1 ? "it" : "each")} to null (exact_match to false)");
        }
        if (problems.Count > 0) throw new UsageException($"These settings do not work:\n  {string.Join("\n  ", problems)}");
    }
}
