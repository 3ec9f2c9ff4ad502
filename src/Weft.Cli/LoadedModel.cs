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

    /// <summary>The tokenizer of a model: tokenizer.json in its folder or beside its file, else the metadata of its GGUF file.</summary>
    /// <exception cref="FileNotFoundException">There is neither.</exception>
    public static Tokenizer TokenizerOf(string name)
    {
        var found = Pretrained.Find(Place(name));
        var folder = Directory.Exists(found) ? found : System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(found))!;
        if (File.Exists(System.IO.Path.Combine(folder, "tokenizer.json"))) return Tokenizer.Load(folder);
        using var file = Checkpoint.Open(found);
        if (file is Gguf) return Tokenizer.FromGguf(file.Metadata);
        throw new FileNotFoundException($"{name} has no tokenizer.json. Put the one it was trained with into {folder}.", System.IO.Path.Combine(folder, "tokenizer.json"));
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
        if (BuiltInBases.Names.Contains(name) || File.Exists(name) || Directory.Exists(name) || name.Contains('/') || name.Contains('.')) return name;
        throw new FileNotFoundException(
            $"There is no model {name}: no folder or file is called so, nor a built-in base ({string.Join(", ", BuiltInBases.Names)}).{NearestName.Question(name, BuiltInBases.Names)}", name);
    }

    private static long Numbers(string name)
    {
        using var file = Checkpoint.Open(Pretrained.Find(name));
        return file.Tensors.Values.Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b));
    }
}
