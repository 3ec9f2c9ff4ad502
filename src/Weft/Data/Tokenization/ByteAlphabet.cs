namespace Weft.Data.Tokenization;

/// <summary>The 256 printable characters by which byte-level vocabularies write bytes.</summary>
/// <remarks>Radford et al. 2019, <c>bytes_to_unicode</c> of the GPT-2 release: printable Latin-1 stands for itself, the others follow from U+0100 on.</remarks>
internal static class ByteAlphabet
{
    private static readonly char[] charOf = new char[256];
    private static readonly short[] byteOf = new short[324];

    static ByteAlphabet()
    {
        Array.Fill(byteOf, (short)-1);
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            charOf[b] = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF ? (char)b : (char)next++;
            byteOf[charOf[b]] = (short)b;
        }
    }

    /// <summary>The character that stands for a byte.</summary>
    public static char CharOf(byte value) => charOf[value];

    /// <summary>The byte that a character stands for, or -1.</summary>
    public static int ByteOf(char letter) => letter < byteOf.Length ? byteOf[letter] : -1;

    /// <summary>Appends the bytes that a token of the vocabulary stands for; a token with a character outside the alphabet is its own UTF-8.</summary>
    public static void AppendBytes(string token, List<byte> bytes)
    {
        foreach (var letter in token)
            if (ByteOf(letter) < 0)
            {
                bytes.AddRange(System.Text.Encoding.UTF8.GetBytes(token));
                return;
            }
        foreach (var letter in token) bytes.Add((byte)byteOf[letter]);
    }

    /// <summary>Bytes in the vocabulary's spelling.</summary>
    public static string Spell(ReadOnlySpan<byte> bytes)
    {
        Span<char> letters = bytes.Length <= 256 ? stackalloc char[bytes.Length] : new char[bytes.Length];
        for (var i = 0; i < bytes.Length; i++) letters[i] = charOf[bytes[i]];
        return new string(letters);
    }
}
