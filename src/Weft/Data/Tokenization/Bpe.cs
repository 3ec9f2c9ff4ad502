using System.Collections.Concurrent;
using System.Text;
using Weft.Checkpoints;

namespace Weft.Data.Tokenization;

/// <summary>Byte-pair encoding: neighbours are merged, the earliest learned pair first, leftmost on a tie.</summary>
/// <remarks>Sennrich et al. 2016. The result equals that of the tokenizers library: same order, same treatment of unknown characters.</remarks>
internal sealed class Bpe
{
    private const int CachedWords = 1 << 17;
    private const int CachedLength = 48;
    private const int ShortWord = 24;

    private readonly BpeDefinition definition;
    private readonly Dictionary<long, long> merges = []; // (left, right) → (rank, merged)
    private readonly int[] letterIds = new int[char.MaxValue + 1];
    private readonly int[] byteIds = new int[256];
    private readonly int[] fallbackIds = new int[256];
    private readonly bool hasFallback;
    private readonly int unknownId = -1;
    private readonly bool byteLevel;
    private readonly char cutBefore; // no merge crosses the border before a run of this character; 0: no such character
    private readonly ConcurrentDictionary<string, Merged> cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Merged>.AlternateLookup<ReadOnlySpan<char>> cached;
    private int cacheCount;

    /// <summary>Lays out the tables of a definition and notes what does not fit together.</summary>
    public Bpe(BpeDefinition definition, bool byteLevel, Problems problems)
    {
        this.definition = definition;
        this.byteLevel = byteLevel;
        cached = cache.GetAlternateLookup<ReadOnlySpan<char>>();
        var vocabulary = definition.Vocabulary;
        Array.Fill(letterIds, -1);
        foreach (var (token, id) in vocabulary)
            if (token.Length == 1) letterIds[token[0]] = id;
        for (var b = 0; b < 256; b++)
        {
            byteIds[b] = letterIds[ByteAlphabet.CharOf((byte)b)];
            fallbackIds[b] = vocabulary.GetValueOrDefault($"<0x{b:X2}>", -1);
        }
        hasFallback = definition.ByteFallback;
        if (definition.UnknownToken is { } unknown && !vocabulary.TryGetValue(unknown, out unknownId))
        {
            unknownId = -1;
            problems.Add($"model.unk_token \"{unknown}\" is not in model.vocab");
        }
        for (var rank = 0; rank < definition.Merges.Count; rank++)
        {
            var (left, right) = definition.Merges[rank];
            if (!vocabulary.TryGetValue(left, out var l)) problems.Add($"model.merges[{rank}]: \"{left}\" is not in model.vocab");
            else if (!vocabulary.TryGetValue(right, out var r)) problems.Add($"model.merges[{rank}]: \"{right}\" is not in model.vocab");
            else if (!vocabulary.TryGetValue(left + right, out var merged)) problems.Add($"model.merges[{rank}]: \"{left + right}\" is not in model.vocab");
            else merges[((long)l << 32) | (uint)r] = ((long)rank << 32) | (uint)merged;
        }
        cutBefore = !byteLevel && letterIds['▁'] >= 0 && !definition.IgnoreMerges && definition.Merges.All(m => !Crosses(m.Left + m.Right)) ? '▁' : '\0';
    }

    private readonly record struct Merged(int[] Ids, int[] Ends);

    /// <summary>Appends the ids of one word and, where asked for, where each token ends, in bytes of the word's UTF-8.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> ids, List<int>? ends)
    {
        if (cutBefore == '\0')
        {
            EncodePart(word, 0, ids, ends);
            return;
        }
        var bytes = 0;
        for (int start = 0, end; start < word.Length; start = end)
        {
            end = start + 1;
            while (end < word.Length && !(word[end] == cutBefore && word[end - 1] != cutBefore)) end++;
            var part = word[start..end];
            EncodePart(part, bytes, ids, ends);
            if (ends is not null) bytes += System.Text.Encoding.UTF8.GetByteCount(part);
        }
    }

    private void EncodePart(ReadOnlySpan<char> word, int offset, List<int> ids, List<int>? ends)
    {
        if (word.Length == 0) return;
        if (word.Length > CachedLength || !cached.TryGetValue(word, out var merged))
        {
            merged = Merge(word);
            if (word.Length <= CachedLength && cacheCount < CachedWords && cached.TryAdd(word, merged)) Interlocked.Increment(ref cacheCount);
        }
        ids.AddRange(merged.Ids);
        if (ends is null) return;
        foreach (var end in merged.Ends) ends.Add(offset + end);
    }

    private Merged Merge(ReadOnlySpan<char> word)
    {
        if (definition.IgnoreMerges && Whole(word) is >= 0 and var whole) return new([whole], [System.Text.Encoding.UTF8.GetByteCount(word)]);
        var symbols = new Symbols(word.Length * 3); // a UTF-16 unit is at most three bytes
        if (byteLevel) SpellBytes(word, symbols);
        else SpellCharacters(word, symbols);
        if (symbols.Count <= ShortWord) MergeByScan(symbols);
        else MergeByQueue(symbols);
        return symbols.Result();
    }

    private int Whole(ReadOnlySpan<char> word)
    {
        var key = byteLevel ? ByteAlphabet.Spell(System.Text.Encoding.UTF8.GetBytes(word.ToString())) : word.ToString();
        return definition.Vocabulary.GetValueOrDefault(key, -1);
    }

    private void SpellBytes(ReadOnlySpan<char> word, Symbols symbols)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(word.ToString());
        for (var i = 0; i < bytes.Length; i++)
            if (byteIds[bytes[i]] is >= 0 and var id) symbols.Add(id, i + 1);
            else AddUnknown(symbols, i + 1);
    }

    private void SpellCharacters(ReadOnlySpan<char> word, Symbols symbols)
    {
        Span<byte> bytes = stackalloc byte[4];
        for (int i = 0, width, end = 0; i < word.Length; i += width)
        {
            Rune.DecodeFromUtf16(word[i..], out var rune, out width);
            var size = rune.EncodeToUtf8(bytes);
            var id = rune.IsBmp ? letterIds[rune.Value] : definition.Vocabulary.GetValueOrDefault(rune.ToString(), -1);
            if (id >= 0) symbols.Add(id, end + size);
            else if (hasFallback && HasFallback(bytes[..size]))
                for (var b = 0; b < size; b++) symbols.Add(fallbackIds[bytes[b]], end + b + 1);
            else AddUnknown(symbols, end + size);
            end += size;
        }
    }

    private bool HasFallback(ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
            if (fallbackIds[b] < 0) return false;
        return true;
    }

    // Without an unknown token the library drops what it cannot spell; so do we, and the offsets of the others stay right.
    private void AddUnknown(Symbols symbols, int end)
    {
        if (unknownId < 0) symbols.Skip(end);
        else if (definition.FuseUnknown && symbols.LastIsUnknown) symbols.Extend(end);
        else symbols.Add(unknownId, end, unknown: true);
    }

    private bool Find(int left, int right, out int rank, out int merged)
    {
        var found = merges.TryGetValue(((long)left << 32) | (uint)right, out var value);
        (rank, merged) = ((int)(value >> 32), (int)value);
        return found;
    }

    private void MergeByScan(Symbols s)
    {
        Span<int> ranks = stackalloc int[ShortWord];
        Span<int> targets = stackalloc int[ShortWord];
        for (var i = 0; i + 1 < s.Count; i++)
            if (!Find(s.Id[i], s.Id[i + 1], out ranks[i], out targets[i])) ranks[i] = int.MaxValue;
        while (s.Count > 1)
        {
            var best = 0;
            for (var i = 1; i + 1 < s.Count; i++)
                if (ranks[i] < ranks[best]) best = i;
            if (ranks[best] == int.MaxValue) return;
            s.Id[best] = targets[best];
            s.RemoveAt(best + 1);
            for (var i = best + 1; i + 1 < s.Count; i++) (ranks[i], targets[i]) = (ranks[i + 1], targets[i + 1]);
            for (var i = Math.Max(0, best - 1); i <= best && i + 1 < s.Count; i++)
                if (!Find(s.Id[i], s.Id[i + 1], out ranks[i], out targets[i])) ranks[i] = int.MaxValue;
        }
    }

    private void MergeByQueue(Symbols s)
    {
        var (previous, next) = (new int[s.Count], new int[s.Count]);
        var queue = new PriorityQueue<(int At, int Merged), long>(s.Count);
        for (var i = 0; i < s.Count; i++) (previous[i], next[i]) = (i - 1, i + 1 < s.Count ? i + 1 : -1);
        for (var i = 0; i + 1 < s.Count; i++) Offer(i);
        while (queue.TryDequeue(out var top, out var priority))
        {
            var (at, right) = (top.At, next[top.At]);
            if (s.Id[at] < 0 || right < 0 || !Find(s.Id[at], s.Id[right], out var rank, out var merged) || merged != top.Merged || rank != (int)(priority >> 32)) continue;
            s.Id[at] = merged;
            s.Start[right] = -1;
            s.Id[right] = -1;
            s.End[at] = s.End[right];
            next[at] = next[right];
            if (next[right] >= 0) previous[next[right]] = at;
            if (previous[at] >= 0) Offer(previous[at]);
            if (next[at] >= 0) Offer(at);
        }
        s.Compact();

        void Offer(int at)
        {
            if (Find(s.Id[at], s.Id[next[at]], out var rank, out var merged)) queue.Enqueue((at, merged), ((long)rank << 32) | (uint)at);
        }
    }

    private static bool Crosses(string token)
    {
        for (var i = 1; i < token.Length; i++)
            if (token[i] == '▁' && token[i - 1] != '▁') return true;
        return false;
    }

    // The symbols of a word: id and span in bytes. Spans need not touch where characters were dropped.
    private sealed class Symbols(int capacity)
    {
        private bool lastIsUnknown;
        private int position;

        public int[] Id { get; } = new int[capacity];
        public int[] Start { get; } = new int[capacity];
        public int[] End { get; } = new int[capacity];
        public int Count { get; private set; }
        public bool LastIsUnknown => lastIsUnknown;

        public void Add(int id, int end, bool unknown = false)
        {
            (Id[Count], Start[Count], End[Count]) = (id, position, end);
            Count++;
            position = end;
            lastIsUnknown = unknown;
        }

        public void Extend(int end) => End[Count - 1] = position = end;

        public void Skip(int end) => position = end;

        public void RemoveAt(int at)
        {
            End[at - 1] = End[at];
            Count--;
            for (var i = at; i < Count; i++) (Id[i], Start[i], End[i]) = (Id[i + 1], Start[i + 1], End[i + 1]);
        }

        public void Compact()
        {
            var kept = 0;
            for (var i = 0; i < Count; i++)
                if (Id[i] >= 0) (Id[kept], Start[kept], End[kept++]) = (Id[i], Start[i], End[i]);
            Count = kept;
        }

        public Merged Result() => new(Id[..Count], End[..Count]);
    }
}
