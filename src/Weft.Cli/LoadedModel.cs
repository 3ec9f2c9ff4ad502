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
        Find(name);
        return screen.While($"Loading {name}", () => Pretrained.Load(name, MatricesOf(name, precision)));
    }

    /// <summary>The tokenizer of a model: tokenizer.json in its folder or beside its file, else the metadata of its GGUF file.</summary>
    /// <remarks>A verb reads it before the model, whose weights take longer, so that what is wrong with it is said at once.</remarks>
    /// <exception cref="FileNotFoundException">There is none.</exception>
    public static Tokenizer TokenizerOf(string name)
    {
        var folder = FolderOf(name);
        var file = Path.Combine(folder, SideFiles.TokenizerFile);
        return (File.Exists(file) ? Tokenizer.Load(file) : TokenizerInMetadata(name))
            ?? throw new FileNotFoundException($"{name} has no {SideFiles.TokenizerFile}. Put the one it was trained with into {folder}.", file);
    }

    /// <summary>The tokenizer that the metadata of a GGUF file hold; null where they hold none, or the model is no such file.</summary>
    public static Tokenizer? TokenizerInMetadata(string name)
    {
        using var checkpoint = Checkpoint.Open(Find(name));
        var kind = checkpoint is Gguf ? checkpoint.Metadata.GetValueOrDefault("tokenizer.ggml.model") : null;
        return kind is null or "no_vocab" or "none" ? null : Tokenizer.FromGguf(checkpoint.Metadata);
    }

    /// <summary>The folder that a model is, or that its file lies in.</summary>
    public static string FolderOf(string name)
    {
        var found = Find(name);
        return Directory.Exists(found) ? found : Path.GetDirectoryName(Path.GetFullPath(found))!;
    }

    /// <summary>How far outputs lie from others, as a share of the largest of these.</summary>
    public static double Difference(Tensor outputs, Tensor others) => ((outputs - others).abs().max() / others.abs().max()).item<float>();

    /// <summary>How a precision is said to people.</summary>
    public static string NameOf(ScalarType type) => type == ScalarType.BFloat16 ? "bf16" : "fp32";

    /// <summary>The type matrices are held in.</summary>
    public static ScalarType MatricesOf(string name, PrecisionChoice precision) => precision switch
    {
        PrecisionChoice.Fp32 => ScalarType.Float32,
        PrecisionChoice.Bf16 => ScalarType.BFloat16,
        _ => CpuFeatures.OfThisMachine().HasFastBf16 && Numbers(name) >= LargeModel ? ScalarType.BFloat16 : ScalarType.Float32,
    };

    // A word alone may be a base's name, spelt wrong.
    private static string Find(string name)
    {
        try
        {
            return Pretrained.Find(name);
        }
        catch (FileNotFoundException e) when (!name.AsSpan().ContainsAny('/', '\\', '.'))
        {
            throw new FileNotFoundException(e.Message + NearestName.Question(name, BuiltInBases.Names), name);
        }
    }

    private static long Numbers(string name)
    {
        using var file = Checkpoint.Open(Pretrained.Find(name));
        return file.Tensors.Values.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b));
    }
}
