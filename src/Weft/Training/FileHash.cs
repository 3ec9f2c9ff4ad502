using System.Security.Cryptography;

namespace Weft.Training;

// The SHA-256 of a file, in lower-case hexadecimal.
internal static class FileHash
{
    public static string Of(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
