using System.Text.Json;
using System.Text.RegularExpressions;
using MicroWorld;

namespace Weft.Tests.Samples;

public sealed partial class MicroWorldTests
{
    private const int CorpusSample = 20_000;

    private static readonly Lazy<List<QuickstartRow>> train = new(() => [.. Quickstart.Train(Quickstart.CommittedSeed)]);
    private static readonly Lazy<List<QuickstartRow>> heldOut = new(() => [.. Quickstart.HeldOut(Quickstart.CommittedSeed)]);
    private static readonly Lazy<List<string>> corpus = new(() => [.. Corpus.Documents(seed: 1).Take(CorpusSample)]);

    [Fact]
    public void The_committed_rows_are_what_the_generator_makes()
    {
        Assert.Equal(Lines(train.Value), File.ReadAllText(Committed("train.jsonl")));
        Assert.Equal(Lines(heldOut.Value), File.ReadAllText(Committed("heldout.jsonl")));
    }

    [Fact]
    public void The_committed_rows_are_small() =>
        Assert.True(new FileInfo(Committed("train.jsonl")).Length + new FileInfo(Committed("heldout.jsonl")).Length < 500_000);

    [Fact]
    public void Each_line_is_json_with_prompt_and_completion()
    {
        foreach (var (line, row) in File.ReadLines(Committed("heldout.jsonl")).Zip(heldOut.Value))
        {
            using var json = JsonDocument.Parse(line);
            Assert.Equal(row.Prompt, json.RootElement.GetProperty("prompt").GetString());
            Assert.Equal(row.Completion, json.RootElement.GetProperty("completion").GetString());
        }
    }

    [Fact]
    public void Held_out_names_stand_in_no_text_to_learn_from()
    {
        var names = heldOut.Value.SelectMany(r => Field(r, "name").Split(' ')).ToHashSet(StringComparer.OrdinalIgnoreCase);
        Assert.True(names.Count > 150, $"only {names.Count} different names");
        Assert.DoesNotContain(TextsToLearnFrom().SelectMany(t => Word().Matches(t)), m => names.Contains(m.Value));
    }

    [Fact]
    public void Held_out_prices_stand_in_no_text_to_learn_from()
    {
        var prices = heldOut.Value.Select(r => Field(r, "price")).ToHashSet();
        Assert.True(prices.Count > 150, $"only {prices.Count} different prices");
        Assert.DoesNotContain(TextsToLearnFrom().SelectMany(t => Price().Matches(t)), m => prices.Contains(m.Value));
    }

    [Fact]
    public void Held_out_dates_stand_in_no_text_to_learn_from_in_either_way_of_writing_them()
    {
        var dates = heldOut.Value.Select(r => DateOnly.ParseExact(Field(r, "date"), "d MMMM yyyy")).ToHashSet();
        Assert.True(dates.Count > 100, $"only {dates.Count} different dates");
        var written = TextsToLearnFrom().SelectMany(t => Date().Matches(t)).Select(m => DateOnly.TryParse(m.Value, out var date) ? date : default).ToList();
        Assert.True(written.Count > CorpusSample / 2);
        Assert.DoesNotContain(written, dates.Contains);
    }

    [Fact]
    public void Each_syllable_pair_of_letters_and_digit_of_a_held_out_row_is_known_from_training()
    {
        var known = Pairs(TextsToLearnFrom());
        Assert.Empty(Pairs(heldOut.Value.Select(r => r.Prompt + r.Completion)).Except(known));
    }

    [Fact]
    public void Each_value_of_a_record_stands_word_for_word_in_its_sentence()
    {
        foreach (var row in train.Value.Concat(heldOut.Value))
            foreach (var field in Purchase.Fields) Assert.Contains(Field(row, field), row.Prompt, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_completion_is_a_json_object_of_at_least_five_fields_always_in_the_same_order()
    {
        foreach (var row in train.Value.Concat(heldOut.Value))
        {
            using var json = JsonDocument.Parse(row.Completion);
            var names = json.RootElement.EnumerateObject().Select(p => p.Name).ToList();
            Assert.True(names.Count >= 5);
            Assert.Equal(Purchase.Fields, names);
        }
    }

    [Fact]
    public void Every_way_of_telling_is_in_both_parts() =>
        Assert.Equal(Tellings(train.Value), Tellings(heldOut.Value));

    [Fact]
    public void The_corpus_holds_no_json_records() =>
        Assert.DoesNotContain(corpus.Value, d => JsonLike().IsMatch(d));

    [Fact]
    public void A_document_is_the_same_however_many_are_made_and_another_seed_makes_others()
    {
        Assert.Equal(corpus.Value.Take(50), Corpus.Documents(seed: 1).Take(50));
        Assert.Empty(corpus.Value.Take(50).Intersect(Corpus.Documents(seed: 2).Take(50)));
    }

    [Fact]
    public void Documents_are_short_texts_of_printable_ascii()
    {
        Assert.All(corpus.Value, d => Assert.InRange(d.Length, 10, 700));
        Assert.All(corpus.Value, d => Assert.DoesNotContain(d, c => c is not ('\n' or (>= ' ' and <= '~'))));
    }

    [Fact]
    public void The_dice_throw_the_same_numbers_everywhere()
    {
        var dice = new Dice(1);
        // SplitMix64 of seed 1 begins 0x910A2DEC89025CC1, 0xBEEB8DA1658EEC67: these shares of 2⁶⁴
        Assert.Equal(566_561, dice.Below(1_000_000));
        Assert.Equal(745_781, dice.Below(1_000_000));
    }

    private static IEnumerable<string> TextsToLearnFrom() => train.Value.Select(r => r.Prompt + r.Completion).Concat(corpus.Value);

    private static string Lines(IEnumerable<QuickstartRow> rows) => string.Concat(rows.Select(r => r.Line + "\n"));

    private static HashSet<string> Pairs(IEnumerable<string> texts) => texts.SelectMany(t => t.Zip(t.Skip(1), (a, b) => $"{a}{b}")).ToHashSet();

    // raw text, because 48.50 must stay 48.50
    private static string Field(QuickstartRow row, string field)
    {
        using var json = JsonDocument.Parse(row.Completion);
        return json.RootElement.GetProperty(field).GetRawText().Trim('"');
    }

    // a sentence with its values taken out
    private static SortedSet<string> Tellings(IEnumerable<QuickstartRow> rows) =>
        [.. rows.Select(row => Purchase.Fields.Aggregate(row.Prompt, (text, f) => text.Replace(Field(row, f), f, StringComparison.Ordinal)))];

    private static string Committed(string file)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Weft.slnx"))) return Path.Combine(folder.FullName, "recipes", "quickstart", file);
        throw new InvalidOperationException($"No checkout lies above {AppContext.BaseDirectory}.");
    }

    [GeneratedRegex("[A-Za-z]+")] private static partial Regex Word();

    [GeneratedRegex(@"\d+\.\d\d")] private static partial Regex Price();

    [GeneratedRegex(@"\d{4}-\d\d-\d\d|\b\d{1,2} [A-Z][a-z]+ \d{4}\b")] private static partial Regex Date();

    [GeneratedRegex("""[{]\s*["']|"\s*:""")] private static partial Regex JsonLike();
}
