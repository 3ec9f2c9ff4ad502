using Weft.Checkpoints;
using Weft.Cli.Runs;
using Weft.Data;
using Weft.Models;
using Weft.Native;
using static TorchSharp.torch;

namespace Weft.Cli;

/// <summary>Opens models and their tokenizers as people name them.</summary>
internal static class LoadedModel
{
    // Below this many numbers a product of bf16 matrices saves nothing that can be noticed.
    private const long LargeModel = 30_000_000;

    /// <summary>Sets the threads of this process.</summary>
    public static void UseThreads(int? threads)
    {
        if (threads is < 1) throw new UsageException($"--threads is {threads}; at least one is needed.");
        Libtorch.Initialize();
        CpuProfile.Apply(threads);
    }

    /// <summary>A model by path or name.</summary>
    /// <param name="screen">Where is shown that it goes on.</param>
    /// <param name="name">A built-in base, a folder, a .gguf file, or org/name in the local cache.</param>
    /// <param name="precision">What matrices are held in.</param>
    public static CausalModel Open(Screen screen, string name, PrecisionChoice precision)
    {
        var place = Place(name);
        return screen.While($"Loading {name}", () => Pretrained.Load(place, MatricesOf(place, precision)));
    }

    /// <summary>The tokenizer of a model. A verb reads it before the model, whose weights take longer, so that what is wrong with it is said at once.</summary>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    public static Tokenizer TokenizerOf(string name)
    {
        if (TokenizerOrNull(name) is { } tokenizer) return tokenizer;
        var file = Beside(name, "tokenizer.json");
        throw new FileNotFoundException($"{name} has no tokenizer.json. Put the one it was trained with into {Path.GetDirectoryName(file)}.", file);
    }

    /// <summary>The tokenizer of a model: tokenizer.json in its folder or beside its file, else the metadata of its GGUF file; null where there is neither.</summary>
    private static Tokenizer? TokenizerOrNull(string name)
    {
        var file = Beside(name, "tokenizer.json");
        return File.Exists(file) ? Tokenizer.Load(file) : TokenizerInMetadata(name);
    }

    /// <summary>The tokenizer that the metadata of a GGUF file hold; null where they hold none, or the model is no such file.</summary>
    public static Tokenizer? TokenizerInMetadata(string name)
    {
        using var checkpoint = Checkpoint.Open(Pretrained.Find(Place(name)));
        var kind = checkpoint is Gguf ? checkpoint.Metadata.GetValueOrDefault("tokenizer.ggml.model") : null;
        return kind is null or "no_vocab" or "none" ? null : Tokenizer.FromGguf(checkpoint.Metadata);
    }

    /// <summary>Where a file of this name lies or would lie: in the model's folder, or beside its file.</summary>
    public static string Beside(string name, string file)
    {
        var found = Pretrained.Find(Place(name));
        return Path.Combine(Directory.Exists(found) ? found : Path.GetDirectoryName(Path.GetFullPath(found))!, file);
    }

    /// <summary>How a precision is said to people.</summary>
    public static string NameOf(ScalarType type) => type == ScalarType.BFloat16 ? "bf16" : "fp32";

    /// <summary>The type matrices are held in.</summary>
    public static ScalarType MatricesOf(string name, PrecisionChoice precision) => precision switch
    {
        PrecisionChoice.Fp32 => ScalarType.Float32,
        PrecisionChoice.Bf16 => ScalarType.BFloat16,
        _ => CpuFeatures.OfThisMachine().HasFastBf16 && Numbers(name) >= LargeModel ? ScalarType.BFloat16 : ScalarType.Float32,
    };

    private static string Place(string name)
    {
        if (BuiltInBases.Names.Contains(name) || File.Exists(name) || Directory.Exists(name) || name.Contains('/') || name.Contains('.') || HubCache.Find(name) is not null) return name;
        throw new FileNotFoundException(
            $"There is no model {name}: no folder or file is called so, nor a built-in base ({string.Join(", ", BuiltInBases.Names)}).{NearestName.Question(name, BuiltInBases.Names)}", name);
    }

    private static long Numbers(string name)
    {
        using var file = Checkpoint.Open(Pretrained.Find(name));
        return file.Tensors.Values.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b));
    }
}
