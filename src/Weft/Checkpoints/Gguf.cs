namespace Weft.Checkpoints;

/// <summary>The GGUF container, which is refused until its reader stands.</summary>
internal static class Gguf
{
    public static Checkpoint Open(string path) => throw new NotSupportedException($"{path} is a GGUF file, which is not supported yet; name a safetensors file.");
}
