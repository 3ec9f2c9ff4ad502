using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Weft.Checkpoints;

namespace Weft.Data.Tokenization;

/// <summary>A step from tokens back to text that takes one token at a time and gives on what is certain.</summary>
/// <remarks>Whole decoding is streaming to the end, so the two cannot differ.</remarks>
internal abstract class DecoderStep
{
    /// <summary>The next step; null for the last.</summary>
    public DecoderStep? Next { get; set; }

    public abstract void Push(string token);

    /// <summary>No token follows: what was held back is given on.</summary>
    public virtual void Finish() => Next?.Finish();
}

/// <summary>Makes the steps of a decoder; each decoding gets its own, since steps hold what is not yet certain.</summary>
internal sealed class Decoder
{
    private static readonly string[] known = ["ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence", "Strip"];
    private readonly List<Func<DecoderStep>> steps = [];
    private readonly bool spaced;

    private Decoder(bool spaced) => this.spaced = spaced;

    /// <summary>The decoder a tokenizer.json describes; where it has none, tokens are joined by spaces.</summary>
    public static Decoder Read(JsonNode? json, string where, Problems problems)
    {
        var decoder = new Decoder(json is null);
        var fused = false;
        if (json is not null) decoder.Add(json, where, ref fused, problems);
        return decoder;
    }

    /// <summary>SentencePiece's own decoder, which tokenizer.json cannot describe: it differs on broken runs of bytes and on spaces spelt as bytes.</summary>
    /// <param name="prefix">Whether encoding put a space in front.</param>
    public static Decoder SentencePiece(bool prefix)
    {
        var decoder = new Decoder(spaced: false);
        decoder.steps.Add(() => new SentencePieceStep(prefix));
        return decoder;
    }

    /// <summary>The first of fresh steps that end in <paramref name="last"/>.</summary>
    public DecoderStep Start(DecoderStep last)
    {
        DecoderStep first = last;
        for (var i = steps.Count - 1; i >= 0; i--)
        {
            var step = steps[i]();
            step.Next = first;
            first = step;
        }
        return spaced ? new SpaceStep { Next = first } : first;
    }

    private void Add(JsonNode json, string where, ref bool fused, Problems problems)
    {
        switch (json.Type(where, "a decoder", known, problems))
        {
            case "ByteLevel":
                steps.Add(() => new ByteLevelStep());
                fused = true;
                break;
            case "ByteFallback":
                steps.Add(() => new ByteFallbackStep());
                break;
            case "Fuse":
                fused = true;
                break;
            case "Metaspace":
                var space = Metaspace.Read(json, where, problems);
                if (fused) steps.Add(() => new GatherStep());
                steps.Add(() => new MetaspaceStep(space));
                break;
            case "Replace":
                var (pattern, content) = (json.Pattern(where, problems), json.Text("content", where, problems));
                if (fused && pattern.Length > 1) steps.Add(() => new GatherStep());
                steps.Add(() => new ReplaceStep(pattern, content));
                break;
            case "Strip":
                var letter = json.Text("content", where, problems);
                if (letter.EnumerateRunes().Count() != 1) problems.Add($"{where}.content is \"{letter}\", not one character");
                var (start, stop) = (json.Number("start", 0, where, problems), json.Number("stop", 0, where, problems));
                var whole = fused;
                if (whole && stop > 0) steps.Add(() => new GatherStep());
                steps.Add(() => new StripStep(letter, start, stop, whole && stop == 0));
                break;
            case "Sequence":
                var i = 0;
                foreach (var part in json.Items("decoders", where, problems))
                {
                    var name = $"{where}[{i++}]";
                    if (part is null) problems.Add($"{name} is null");
                    else Add(part, name, ref fused, problems);
                }
                break;
        }
    }

    private sealed class SpaceStep : DecoderStep
    {
        private bool started;

        public override void Push(string token)
        {
            Next!.Push(started ? " " + token : token);
            started = true;
        }
    }

    // Everything in one token, where a later step must see the whole text.
    private sealed class GatherStep : DecoderStep
    {
        private readonly StringBuilder text = new();

        public override void Push(string token) => text.Append(token);

        public override void Finish()
        {
            Next!.Push(text.ToString());
            base.Finish();
        }
    }

    private sealed class ByteLevelStep : DecoderStep
    {
        private readonly System.Text.Decoder utf8 = System.Text.Encoding.UTF8.GetDecoder();
        private readonly List<byte> bytes = [];

        public override void Push(string token)
        {
            bytes.Clear();
            ByteAlphabet.AppendBytes(token, bytes);
            Give(flush: false);
        }

        public override void Finish()
        {
            bytes.Clear();
            Give(flush: true);
            base.Finish();
        }

        private void Give(bool flush)
        {
            var given = bytes.ToArray();
            var letters = new char[utf8.GetCharCount(given, flush)];
            utf8.GetChars(given, letters, flush);
            if (letters.Length > 0) Next!.Push(new string(letters));
        }
    }

    private static int ByteOf(string token) => token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
        && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : -1;

    // A run of byte tokens is text only where all of it is valid UTF-8, so it is held until the run ends.
    private sealed class ByteFallbackStep : DecoderStep
    {
        private static readonly UTF8Encoding strict = new(false, throwOnInvalidBytes: true);
        private readonly List<byte> run = [];

        public override void Push(string token)
        {
            if (ByteOf(token) is >= 0 and var value)
            {
                run.Add((byte)value);
                return;
            }
            EndRun();
            Next!.Push(token);
        }

        public override void Finish()
        {
            EndRun();
            base.Finish();
        }

        private void EndRun()
        {
            if (run.Count == 0) return;
            try
            {
                Next!.Push(strict.GetString([.. run]));
            }
            catch (DecoderFallbackException)
            {
                for (var i = 0; i < run.Count; i++) Next!.Push("\uFFFD");
            }
            run.Clear();
        }
    }

    // SentencePiece keeps the characters of a run that are whole; each other byte is one U+FFFD.
    private sealed class SentencePieceStep(bool prefix) : DecoderStep
    {
        private readonly List<byte> run = [];
        private bool atStart = prefix;

        public override void Push(string token)
        {
            var first = atStart;
            atStart = false;
            if (ByteOf(token) is >= 0 and var value)
            {
                run.Add((byte)value);
                Give(final: false);
                return;
            }
            Give(final: true);
            Next!.Push((first && token.StartsWith('▁') ? token[1..] : token).Replace('▁', ' '));
        }

        public override void Finish()
        {
            Give(final: true);
            base.Finish();
        }

        private void Give(bool final)
        {
            while (run.Count > 0)
            {
                var status = Rune.DecodeFromUtf8([.. run], out var rune, out var used);
                if (status == System.Buffers.OperationStatus.NeedMoreData && !final) return;
                var whole = status == System.Buffers.OperationStatus.Done;
                Next!.Push(whole ? rune.ToString() : "\uFFFD");
                run.RemoveRange(0, whole ? used : 1);
            }
        }
    }

    private sealed class ReplaceStep(string pattern, string content) : DecoderStep
    {
        public override void Push(string token) => Next!.Push(pattern.Length == 0 ? token : token.Replace(pattern, content, StringComparison.Ordinal));
    }

    private sealed class MetaspaceStep(Metaspace space) : DecoderStep
    {
        private bool started;

        public override void Push(string token)
        {
            Next!.Push(token.Replace(space.Replacement, started || space.PrependScheme == "never" ? " " : "", StringComparison.Ordinal));
            started = true;
        }
    }

    // Of every token, or (whole) of the start of the text.
    private sealed class StripStep : DecoderStep
    {
        private readonly string letter;
        private readonly int start;
        private readonly int stop;
        private readonly bool whole;
        private int left;

        public StripStep(string letter, int start, int stop, bool whole)
        {
            (this.letter, this.start, this.stop, this.whole) = (letter, start, stop, whole);
            left = start;
        }

        public override void Push(string token)
        {
            if (!whole) left = start;
            while (left > 0 && token.Length > 0)
            {
                if (token.StartsWith(letter, StringComparison.Ordinal))
                {
                    token = token[letter.Length..];
                    left--;
                }
                else left = 0;
            }
            for (var i = 0; i < stop && token.EndsWith(letter, StringComparison.Ordinal); i++) token = token[..^letter.Length];
            if (token.Length > 0 || !whole) Next!.Push(token);
        }
    }
}
