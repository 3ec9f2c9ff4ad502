namespace Weft.Cli.Runs;

/// <summary>Options that methods have in common. What is not given is the method's default; what the method lacks is refused.</summary>
internal sealed record AdapterSection
{
    /// <summary>r, the rank of the change.</summary>
    public int? Rank { get; init; }

    /// <summary>α; the change is scaled by α / r.</summary>
    public double? Alpha { get; init; }

    /// <summary>How α scales: linear is α / r, sqrt is α / √r.</summary>
    public ScaleRule? Scale { get; init; }

    /// <summary>The method's dropout.</summary>
    public double? Dropout { get; init; }

    /// <summary>Modules to adapt: a list of names, one regular expression over whole paths, or all-linear, which is the default.</summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<string>))] public object? TargetModules { get; init; }

    /// <summary>Modules to leave out.</summary>
    [OneOf(typeof(string), typeof(IReadOnlyList<string>))] public object? ExcludeModules { get; init; }

    /// <summary>Layers to adapt, counted from 0.</summary>
    public IReadOnlyList<int>? LayersToTransform { get; init; }

    /// <summary>Name of the list the layers stand in.</summary>
    public IReadOnlyList<string>? LayersPattern { get; init; }

    /// <summary>Ranks that differ, by the end of a module's path.</summary>
    public IReadOnlyDictionary<string, int>? RankPattern { get; init; }

    /// <summary>Alphas that differ, likewise.</summary>
    public IReadOnlyDictionary<string, double>? AlphaPattern { get; init; }

    /// <summary>Modules trained whole beside the adapters.</summary>
    public IReadOnlyList<string>? ModulesToSave { get; init; }

    /// <summary>Biases of the base that are trained: none, all, adapted.</summary>
    public string? Bias { get; init; }
}
