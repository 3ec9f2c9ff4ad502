using System.Text;
using Weft.Data.Tokenization;
using Decoder = Weft.Data.Tokenization.Decoder;

namespace Weft.Data;

/// <summary>Decodes ids one by one; all that it gives out, put together, is what decoding them at once gives.</summary>
public sealed class StreamDecoder
{
    private readonly Func<int, string?> textOf;
    private readonly DecoderStep first;
    private readonly Sink sink = new();

    internal StreamDecoder(Decoder decoder, Func<int, string?> textOf)
    {
        this.textOf = textOf;
        first = decoder.Start(sink);
    }

    /// <summary>Takes one id and gives the text that is certain by now: never half a character, and empty while one is still being spelt.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is negative.</exception>
    public string Append(int id)
    {
        if (textOf(id) is { } token) first.Push(token);
        return sink.Take();
    }

    /// <summary>Ends the text and gives what was held back; a character cut off in the middle becomes U+FFFD.</summary>
    public string Flush()
    {
        first.Finish();
        return sink.Take();
    }

    private sealed class Sink : DecoderStep
    {
        private readonly StringBuilder text = new();

        public override void Push(string token) => text.Append(token);

        public string Take()
        {
            var taken = text.ToString();
            text.Clear();
            return taken;
        }
    }
}
