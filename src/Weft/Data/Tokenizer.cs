using System.Text.Json.Nodes;
using Weft.Checkpoints;
using Weft.Data.Tokenization;

namespace Weft.Data;

/// <summary>Text to token ids and back, as a tokenizer.json describes it.</summary>
/// <remarks>
/// The order is the tokenizers library's: added tokens are cut out, what is between them is normalised, cut into words, each word encoded by
/// byte-pair encoding, and special tokens put around. Safe to use from several threads. Lone surrogates are read as U+FFFD.
/// </remarks>
public sealed partial class Tokenizer
{
    private readonly TokenizerFile file;
    private readonly Normalizer? normalizer;
    private readonly PreTokenizer? preTokenizer;
    private readonly PostProcessor postProcessor;
    private readonly Decoder decoder;
    private readonly Bpe model;
    private readonly bool byteLevel;
    private readonly AddedTokens rawTokens;
    private readonly AddedTokens normalizedTokens;
    private readonly string?[] tokenOf;
    private readonly HashSet<string> specialTokens;
    private readonly Dictionary<string, int> addedIds;
    private readonly int[] before;
    private readonly int[] after;

    internal Tokenizer(TokenizerFile file, string name, TokenizerSettings settings)
    {
        this.file = file;
        var problems = new Problems($"{name} cannot be used");
        normalizer = Normalizer.Read(file.Normalizer, "normalizer", problems);
        preTokenizer = PreTokenizer.Read(file.PreTokenizer, "pre_tokenizer", problems);
        postProcessor = PostProcessor.Read(file.PostProcessor, "post_processor", problems);
        decoder = file.SentencePiecePrefix is { } prefix ? Decoder.SentencePiece(prefix) : Decoder.Read(file.Decoder, "decoder", problems);
        byteLevel = preTokenizer?.ByteLevel ?? false;
        model = new Bpe(file.Model, byteLevel, problems);
        addedIds = new(StringComparer.Ordinal);
        foreach (var token in file.AddedTokens)
        {
            if (file.Model.Vocabulary.TryGetValue(token.Content, out var id) && id != token.Id)
                problems.Add($"\"{token.Content}\" has id {token.Id} in added_tokens and {id} in model.vocab");
            addedIds[token.Content] = token.Id;
        }
        specialTokens = [.. file.AddedTokens.Where(t => t.Special).Select(t => t.Content)];
        var size = file.Model.Vocabulary.Values.Concat(addedIds.Values).DefaultIfEmpty(-1).Max() + 1;
        tokenOf = new string?[size];
        foreach (var (token, id) in file.Model.Vocabulary) tokenOf[id] = token;
        foreach (var token in file.AddedTokens) tokenOf[token.Id] = token.Content;
        foreach (var (role, token) in settings.Named)
            if (token is not null && IdOf(token) is null) problems.Add($"{role} \"{token}\" is no token of the vocabulary");
        problems.ThrowIfAny();
        (before, after) = postProcessor.Around();
        rawTokens = new(file.AddedTokens.Where(t => !t.Normalized).Select(t => (t.Content, t)));
        normalizedTokens = new(file.AddedTokens.Where(t => t.Normalized).Select(t => (Normalize(t.Content), t)));
        ChatTemplate = settings.ChatTemplate;
        BosId = IdOf(settings.Bos) ?? settings.BosId;
        EosId = IdOf(settings.Eos) ?? settings.EndIds.Cast<int?>().FirstOrDefault();
        PadId = IdOf(settings.Pad) ?? settings.PadId;
        UnkId = IdOf(settings.Unk) ?? IdOf(file.Model.UnknownToken);
        EndIds = [.. new[] { EosId }.OfType<int>().Concat(settings.EndIds).Distinct()];
    }

    /// <summary>One more than the largest token id.</summary>
    public int VocabularySize => tokenOf.Length;

    /// <summary>The text of the chat template (Jinja), or null.</summary>
    public string? ChatTemplate { get; }

    /// <summary>Id of the token that begins a text, or null.</summary>
    public int? BosId { get; }

    /// <summary>Id of the token that ends a text, or null.</summary>
    public int? EosId { get; }

    /// <summary>Id of the padding token, or null.</summary>
    public int? PadId { get; }

    /// <summary>Id that stands for what the vocabulary cannot spell, or null.</summary>
    public int? UnkId { get; }

    /// <summary>Every id at which generation ends.</summary>
    public IReadOnlyList<int> EndIds { get; }

    /// <summary>Reads a tokenizer.json and, beside it, tokenizer_config.json, special_tokens_map.json, chat_template.jinja, generation_config.json and config.json where they are.</summary>
    /// <param name="folderOrFile">The folder, or the tokenizer.json in it.</param>
    /// <exception cref="FileNotFoundException">There is no tokenizer.json.</exception>
    /// <exception cref="InvalidDataException">The file is broken or names parts this engine does not have; the message lists everything.</exception>
    public static Tokenizer Load(string folderOrFile)
    {
        ArgumentNullException.ThrowIfNull(folderOrFile);
        var path = Directory.Exists(folderOrFile) ? Path.Combine(folderOrFile, "tokenizer.json") : folderOrFile;
        if (!File.Exists(path)) throw new FileNotFoundException($"There is no {path}. A model folder needs the tokenizer.json of its model beside config.json.", path);
        var content = TokenizerFile.Parse(File.ReadAllBytes(path), path);
        return new(content, path, TokenizerSettings.Beside(path, content));
    }

    /// <summary>The tokenizer that a GGUF file's metadata describe.</summary>
    /// <param name="metadata">The file's metadata by key; lists as any enumerable.</param>
    /// <exception cref="InvalidDataException">Something is missing or of the wrong kind; the message lists everything.</exception>
    /// <exception cref="NotSupportedException">The tokenizer's kind or its pre-tokenizer is not known.</exception>
    public static Tokenizer FromGguf(IReadOnlyDictionary<string, object> metadata) => GgufTokenizer.Read(metadata);

    /// <summary>The ids of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether the tokens that begin or end a text are added.</param>
    /// <param name="parseSpecialTokens">Whether special tokens written in the text become their ids; false is right for text from users.</param>
    public int[] Encode(string text, bool addSpecialTokens = true, bool parseSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 8);
        if (addSpecialTokens) ids.AddRange(before);
        foreach (var stretch in Stretches(text, parseSpecialTokens ? Everywhere : Nowhere, track: false))
            if (stretch.Added is { } token) ids.Add(token.Id);
            else
                foreach (var word in Words(stretch.Text, track: false)) model.Encode(word.Span, ids, null);
        if (addSpecialTokens) ids.AddRange(after);
        return [.. ids];
    }

    /// <summary>The ids of a prompt: the tokens that begin a text are added, those that end it are not, since an answer follows.</summary>
    /// <param name="text">The prompt.</param>
    /// <param name="parseSpecialTokens">Whether special tokens written in the prompt become their ids; false is right for text from users.</param>
    public int[] EncodePrompt(string text, bool parseSpecialTokens = false) => [.. before, .. Encode(text, addSpecialTokens: false, parseSpecialTokens)];

    /// <summary>The tokens of a text, or of a pair of texts, with their offsets.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text; null for one alone.</param>
    /// <param name="addSpecialTokens">Whether the tokens around a text and between two are added.</param>
    /// <param name="parseSpecialTokens">Whether special tokens written in the text become their ids.</param>
    /// <param name="truncation">How a text that is too long is cut; null leaves it.</param>
    /// <exception cref="ArgumentException">The truncation cannot reach its length.</exception>
    public Encoding EncodeWithOffsets(string text, string? pair = null, bool addSpecialTokens = true, bool parseSpecialTokens = true, Truncation? truncation = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        var a = EncodeAlone(text, parseSpecialTokens ? Everywhere : Nowhere);
        var b = pair is null ? null : EncodeAlone(pair, parseSpecialTokens ? Everywhere : Nowhere);
        if (truncation is not null) (a, b) = truncation.Apply(a, b, addSpecialTokens ? postProcessor.Added(b is not null) : 0);
        return postProcessor.Process(a, b, addSpecialTokens);
    }

    /// <summary>The text of ids. Ids outside the vocabulary (a model's table may be longer) say nothing.</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative.</exception>
    public string Decode(IReadOnlyList<int> ids, bool skipSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var stream = Stream(skipSpecialTokens);
        var text = new System.Text.StringBuilder();
        foreach (var id in ids) text.Append(stream.Append(id));
        return text.Append(stream.Flush()).ToString();
    }

    /// <summary>A decoder that takes ids one by one.</summary>
    /// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
    public StreamDecoder Stream(bool skipSpecialTokens = true) => new(decoder, id => TextFor(id, skipSpecialTokens));

    /// <summary>A token as the vocabulary writes it (bytes in their own alphabet, spaces as ▁).</summary>
    /// <exception cref="ArgumentOutOfRangeException">No token has this id.</exception>
    public string TokenText(int id) => id >= 0 && id < tokenOf.Length && tokenOf[id] is { } token
        ? token
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"No token has id {id}; the vocabulary has {VocabularySize}.");

    /// <summary>The id of a token as the vocabulary writes it, or null.</summary>
    public int? IdOf(string? token) => token is null ? null
        : addedIds.TryGetValue(token, out var added) ? added
        : file.Model.Vocabulary.TryGetValue(token, out var id) ? id : null;

    /// <summary>Writes tokenizer.json, tokenizer_config.json and, where there is one, chat_template.jinja, as Hugging Face's library reads them.</summary>
    /// <param name="folder">The folder; made where it is missing.</param>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        AtomicFile.Write(Path.Combine(folder, "tokenizer.json"), file.Write);
        var config = new JsonObject();
        foreach (var (key, id) in new (string, int?)[] { ("bos_token", BosId), ("eos_token", EosId), ("pad_token", PadId), ("unk_token", UnkId) })
            if (id is { } known) config[key] = TokenText(known);
        config["clean_up_tokenization_spaces"] = false;
        config["tokenizer_class"] = "PreTrainedTokenizerFast";
        AtomicFile.Write(Path.Combine(folder, "tokenizer_config.json"), config.ToJsonString(Indented) + "\n");
        if (ChatTemplate is not null) AtomicFile.Write(Path.Combine(folder, "chat_template.jinja"), ChatTemplate);
    }

    private static readonly System.Text.Json.JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private string Normalize(string text) => normalizer?.Apply(new(text), track: false).Text ?? text;

    private string? TextFor(int id, bool skipSpecialTokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        if (file.SentencePiecePrefix is not null && id == UnkId) return " ⁇ "; // as SentencePiece writes it
        return id < tokenOf.Length && tokenOf[id] is { } token && !(skipSpecialTokens && specialTokens.Contains(token)) ? token : null;
    }
}
