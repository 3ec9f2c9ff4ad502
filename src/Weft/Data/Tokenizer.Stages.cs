using System.Text;
using Weft.Data.Tokenization;

namespace Weft.Data;

public sealed partial class Tokenizer
{
    // A stretch of text, or an added token found in it.
    private readonly record struct Stretch(AlignedText Text, AddedToken? Added);

    private IEnumerable<Stretch> Stretches(string text, Func<int, int, bool> parseSpecial, bool track, bool cutLiteral = false)
    {
        foreach (var (token, start, end) in rawTokens.Split(text, parseSpecial, cutLiteral))
        {
            var raw = start == 0 && end == text.Length ? new AlignedText(text) : new AlignedText(text[start..end], start);
            if (token is not null)
            {
                yield return new(raw, token);
                continue;
            }
            var normalized = normalizer?.Apply(raw, track) ?? raw;
            foreach (var (found, from, to) in normalizedTokens.Split(normalized.Text, (s, e) => parseSpecial(normalized.From(s), normalized.To(e - 1)), cutLiteral))
                yield return new(normalized.Slice(from, to - from), found);
        }
    }

    private List<Piece> Words(AlignedText text, bool track)
    {
        List<Piece> whole = [new(text, 0, text.Text.Length)];
        return preTokenizer?.Apply(whole, track) ?? whole;
    }

    private static bool Everywhere(int start, int end) => true;

    private static bool Nowhere(int start, int end) => false;

    /// <summary>Ids of a text with special tokens parsed only outside some spans, and where each token stands, in UTF-16 units; nothing is added around it.</summary>
    internal (int[] Ids, (int Start, int End)[] Spans) EncodeOutside(string text, IReadOnlyList<(int Start, int End)> literal)
    {
        var encoding = EncodeAlone(text, Outside(literal), conversation: true);
        return ([.. encoding.Ids], [.. encoding.Offsets]);
    }

    /// <summary>The tokens of a row, special ones parsed only outside some spans, in UTF-16 units; what is put around a text is put around it.</summary>
    internal Encoding EncodeRow(string text, IReadOnlyList<(int Start, int End)> literal) => postProcessor.Process(EncodeAlone(text, Outside(literal)), null, addSpecialTokens: true);

    /// <summary>The ids of a row's prompt, likewise.</summary>
    internal int[] EncodePrompt(string text, IReadOnlyList<(int Start, int End)> literal) => [.. before, .. EncodeAlone(text, Outside(literal)).Ids];

    private static Func<int, int, bool> Outside(IReadOnlyList<(int Start, int End)> literal) => (start, end) => !literal.Any(span => span.Start < end && start < span.End);

    private Encoding EncodeAlone(string text, Func<int, int, bool> parseSpecial, bool conversation = false)
    {
        var (ids, tokens, offsets, words, ends) = (new List<int>(), new List<string>(), new List<(int, int)>(), new List<int?>(), new List<int>());
        var points = conversation ? null : CodePoints(text);
        var word = 0;
        foreach (var stretch in Stretches(text, parseSpecial, track: true, cutLiteral: conversation))
        {
            if (stretch.Added is { } token)
            {
                ids.Add(token.Id);
                tokens.Add(stretch.Text.Text);
                offsets.Add((Point(stretch.Text.From(0)), Point(stretch.Text.To(stretch.Text.Text.Length - 1))));
                words.Add(word++);
                continue;
            }
            foreach (var piece in Words(stretch.Text, track: true))
            {
                ends.Clear();
                var first = ids.Count;
                model.Encode(piece.Span, ids, ends);
                AddSpans(piece, ends, offsets);
                for (var i = first; i < ids.Count; i++)
                {
                    tokens.Add(TokenText(ids[i]));
                    words.Add(word);
                }
                word++;
            }
        }
        var count = ids.Count;
        return Encoding.Empty with
        {
            Ids = ids,
            Tokens = tokens,
            Offsets = offsets,
            Words = words,
            TypeIds = new int[count],
            Sequences = new int?[count],
            SpecialTokens = new int[count],
            AttentionMask = [.. Enumerable.Repeat(1, count)],
        };

        int Point(int unit) => points?[unit] ?? unit;

        // Ends in bytes of the word become spans of the original: a token that holds part of a character has the whole character.
        void AddSpans(Piece piece, List<int> ends, List<(int, int)> offsets)
        {
            var span = piece.Span;
            var (unit, width, done, size) = (0, 0, 0, 0); // the character in hand and the bytes up to its start
            Take(span);
            var start = 0;
            foreach (var end in ends)
            {
                while (done + size <= start && unit + width < span.Length) Advance(span);
                var from = piece.Text.From(piece.Start + unit);
                while (done + size < end && unit + width < span.Length) Advance(span);
                offsets.Add((Point(from), Point(piece.Text.To(piece.Start + unit + width - 1))));
                start = end;
            }

            void Advance(ReadOnlySpan<char> span)
            {
                done += size;
                unit += width;
                Take(span);
            }

            void Take(ReadOnlySpan<char> span)
            {
                Rune.DecodeFromUtf16(span[unit..], out var rune, out width);
                size = rune.Utf8SequenceLength;
            }
        }
    }

    // Code points before each UTF-16 unit; null where the two counts agree.
    private static int[]? CodePoints(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDBFF')) return null;
        var points = new int[text.Length + 1];
        for (int i = 0, count = 0; i < text.Length;)
        {
            var width = char.IsSurrogatePair(text, i) ? 2 : 1;
            points[i] = count;
            if (width == 2) points[i + 1] = count + 1; // the end of a span that ends inside the pair
            i += width;
            points[i] = ++count;
        }
        return points;
    }
}
