using System.Text.Json.Nodes;
using Weft.Data.Tokenization;

namespace Weft.Data;

/// <summary>Learns a byte-level BPE vocabulary from texts.</summary>
public static class BpeTrainer
{
    /// <summary>The tokenizer learned from texts: special tokens first, then the 256 bytes, then merges in the order learned.</summary>
    /// <remarks>
    /// Words are GPT-2's. Each step merges the most frequent neighbours; of equally frequent ones those with the smallest ids, so equal texts
    /// give equal tokenizers everywhere. It ends early where no pair occurs twice. The first special token ends a text and pads.
    /// </remarks>
    /// <param name="texts">The texts, read once.</param>
    /// <param name="vocabularySize">Tokens wanted, special ones and bytes included.</param>
    /// <param name="specialTokens">Tokens that are never cut nor learned, in the order of their ids.</param>
    /// <param name="individualDigits">Whether every digit is a word of its own, so that numbers are spelt digit by digit.</param>
    /// <param name="chatTemplate">A chat template to keep with it.</param>
    /// <exception cref="ArgumentException">The size has no room for bytes and special tokens, or a special token is empty or stands twice.</exception>
    public static Tokenizer Train(IEnumerable<string> texts, int vocabularySize, IReadOnlyList<string> specialTokens, bool individualDigits = false, string? chatTemplate = null)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(specialTokens);
        if (vocabularySize < specialTokens.Count + 256)
            throw new ArgumentException($"A vocabulary of {vocabularySize} has no room for 256 bytes and {specialTokens.Count} special tokens; it needs at least {specialTokens.Count + 256}.", nameof(vocabularySize));
        if (specialTokens.Any(string.IsNullOrEmpty) || specialTokens.Distinct().Count() < specialTokens.Count)
            throw new ArgumentException($"The special tokens {string.Join(", ", specialTokens.Select(t => $"\"{t}\""))} must be different and not empty.", nameof(specialTokens));

        var level = JsonNode.Parse("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}""")!;
        JsonNode cut = individualDigits
            ? new JsonObject { ["type"] = "Sequence", ["pretokenizers"] = new JsonArray(JsonNode.Parse("""{"type":"Digits","individual_digits":true}"""), level) }
            : level;
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var token in specialTokens) vocabulary.Add(token, vocabulary.Count);
        var firstByte = vocabulary.Count;
        for (var b = 0; b < 256; b++) vocabulary.TryAdd(ByteAlphabet.CharOf((byte)b).ToString(), vocabulary.Count);

        var learner = new Learner(CountWords(texts, PreTokenizer.Read(cut, "pre_tokenizer", new("The trained tokenizer cannot be used"))!), firstByte);
        var names = vocabulary.OrderBy(e => e.Value).Select(e => e.Key).ToList();
        var merges = new List<(string, string)>();
        while (names.Count < vocabularySize && learner.Best() is var (left, right))
        {
            var name = names[left] + names[right];
            var id = vocabulary.TryGetValue(name, out var known) ? known : names.Count;
            if (vocabulary.TryAdd(name, id)) names.Add(name);
            merges.Add((names[left], names[right]));
            learner.Merge(left, right, id);
        }
        var file = new TokenizerFile
        {
            Model = new() { Vocabulary = vocabulary, Merges = merges },
            AddedTokens = [.. specialTokens.Select((t, i) => new AddedToken(i, t) { Special = true })],
            PreTokenizer = cut,
            Decoder = JsonNode.Parse("""{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}"""),
        };
        var end = specialTokens.Count > 0 ? specialTokens[0] : null;
        return new(file, "The trained tokenizer", new() { Eos = end, Pad = end, ChatTemplate = chatTemplate });
    }

    private static Dictionary<string, long> CountWords(IEnumerable<string> texts, PreTokenizer cut)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        var lookup = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (var text in texts)
            foreach (var word in cut.Apply([new(new(text), 0, text.Length)], track: false))
                System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(lookup, word.Span, out _)++;
        return counts;
    }

    // Words as ids, and for each pair of neighbours how often it occurs and in which words.
    private sealed class Learner
    {
        private readonly List<(List<int> Ids, long Count)> words = [];
        private readonly Dictionary<long, long> counts = [];
        private readonly Dictionary<long, HashSet<int>> places = [];
        private readonly PriorityQueue<long, (long Count, long Pair)> queue = new();
        private readonly HashSet<long> dirty = [];

        public Learner(Dictionary<string, long> wordCounts, int firstByte)
        {
            foreach (var (word, count) in wordCounts.OrderBy(w => w.Key, StringComparer.Ordinal))
            {
                words.Add(([.. System.Text.Encoding.UTF8.GetBytes(word).Select(b => firstByte + b)], count));
                Change(words.Count - 1, 1);
            }
            foreach (var pair in counts.Keys) Offer(pair);
        }

        /// <summary>The most frequent pair that occurs at least twice, or null.</summary>
        public (int Left, int Right)? Best()
        {
            while (queue.TryDequeue(out var pair, out var priority))
                if (counts.GetValueOrDefault(pair) == -priority.Count && -priority.Count >= 2) return ((int)(pair >> 32), (int)pair);
            return null;
        }

        public void Merge(int left, int right, int merged)
        {
            dirty.Clear();
            foreach (var index in places[Pair(left, right)].ToArray())
            {
                Change(index, -1);
                var ids = words[index].Ids;
                for (var i = 0; i + 1 < ids.Count; i++)
                    if (ids[i] == left && ids[i + 1] == right)
                    {
                        ids[i] = merged;
                        ids.RemoveAt(i + 1);
                    }
                Change(index, 1);
            }
            counts.Remove(Pair(left, right));
            places.Remove(Pair(left, right));
            foreach (var pair in dirty) Offer(pair);
        }

        private void Change(int index, int sign)
        {
            var (ids, count) = words[index];
            for (var i = 0; i + 1 < ids.Count; i++)
            {
                var pair = Pair(ids[i], ids[i + 1]);
                counts[pair] = counts.GetValueOrDefault(pair) + sign * count;
                dirty.Add(pair);
                if (!places.TryGetValue(pair, out var where)) places[pair] = where = [];
                if (sign > 0) where.Add(index);
                else where.Remove(index);
            }
        }

        private void Offer(long pair)
        {
            if (counts.GetValueOrDefault(pair) >= 2) queue.Enqueue(pair, (-counts[pair], pair));
        }

        private static long Pair(int left, int right) => ((long)left << 32) | (uint)right;
    }
}
