using System.Text.Json;
using System.Text.Json.Nodes;
using Weft.Data;

namespace Weft.Tests.Data;

/// <summary>Ids and labels of rows, packing and padding against golden/text/training ("clean" is our rule).</summary>
public sealed class RowGoldenTests
{
    [Theory]
    [InlineData("commonsense", "{prompt}")]
    [InlineData("commonsense_v3", "{prompt}")]
    [InlineData("math10k", "{prompt}")]
    [InlineData("gsm8k_tune", "{prompt}")]
    [InlineData("instruction", "{prompt}")]
    [InlineData("code", "{prompt} ")]
    [InlineData("metamath", "{prompt} ")]
    public void Rows_are_tokenised_masked_and_cut_by_the_clean_rule(string family, string prompt)
    {
        var tokenizer = GoldenRows.Tokenizer("stories260K");
        var texts = new Dictionary<string, (string Prompt, string Answer)>();
        var compared = 0;
        foreach (var row in GoldenRows.Read("training", "rows", $"{family}.stories260K.jsonl.gz"))
        {
            if (row.Has("prompt")) texts[row.Text("row")] = (row.Text("prompt"), row.Text("answer"));
            var (question, answer) = texts[row.Text("row")];
            var clean = row.GetProperty("clean");
            var options = new DataOptions { Prompt = prompt, MaxTokens = row.GetProperty("max_length").GetInt32(), LongRows = LongRows.Cut };
            var text = RowText.Of([new(7, 8, new Dictionary<string, JsonNode?> { ["prompt"] = question, ["completion"] = answer })], options, "rows");
            if (clean.GetProperty("refused").GetBoolean())
            {
                var error = Assert.Throws<InvalidDataException>(() => Examples.Of(text, tokenizer, options, 4096, "rows"));
                Assert.Contains("of 1 row nothing supervised is left after the cut", error.Message);
                continue;
            }
            var (examples, report) = Examples.Of(text, tokenizer, options, 4096, "rows");
            Assert.Equal(clean.Ints("input_ids"), examples[0].Ids);
            Assert.Equal(clean.Ints("labels"), examples[0].Labels);
            Assert.Equal(clean.GetProperty("cut").GetBoolean(), report.Cut.Count == 1);
            compared++;
        }
        Assert.InRange(compared, 20, 70);
    }

    [Fact]
    public void An_instruction_is_written_as_the_golden_prompts_are()
    {
        foreach (var row in GoldenRows.Read("training", "rows", "instruction.stories260K.jsonl.gz").Where(r => r.Has("prompt") && r.Text("prompt").StartsWith("Below", StringComparison.Ordinal)))
        {
            var prompt = row.Text("prompt");
            var parts = prompt.Split("### Instruction:\n", 2)[1].Split("\n\n### Response:\n")[0].Split("\n\n### Input:\n", 2);
            var text = RowText.Of([new(0, 1, new Dictionary<string, JsonNode?> { ["instruction"] = parts[0], ["input"] = parts.Length > 1 ? parts[1] : "", ["output"] = row.Text("answer") })], new(), "rows");
            Assert.Equal(prompt, text[0].Prompt);
            Assert.Equal(row.Text("answer"), text[0].Completion);
        }
    }

    [Fact]
    public void Padding_at_the_right_is_that_of_the_golden_batches()
    {
        var batches = JsonDocument.Parse(File.ReadAllText(SharedData.Path("golden", "text", "training", "rows", "batches.json"))).RootElement;
        foreach (var family in new[] { "code", "metamath" })
        {
            int[][] Table(string key) => [.. batches.GetProperty(family).GetProperty(key).EnumerateArray().Select(r => r.EnumerateArray().Select(n => n.GetInt32()).ToArray())];
            var (ids, labels, mask) = (Table("input_ids"), Table("labels"), Table("attention_mask"));
            var examples = ids.Select((row, i) => new Example(row[..mask[i].Sum()], labels[i][..mask[i].Sum()], i)).ToList();
            using var batch = new BatchSource(examples, new() { BatchSize = 4, Shuffle = false, BucketBatches = 1 }).Epoch(0).Single();
            Assert.Equal(ids.SelectMany(r => r).Select(n => (long)n), batch.Input.Ids.data<long>());
            Assert.Equal(labels.SelectMany(r => r).Select(n => (long)n), batch.Labels.data<long>());
            Assert.Equal(mask.SelectMany(r => r).Select(n => (long)n), batch.Input.Mask!.data<long>());
        }
    }

    [Fact]
    public void First_fit_packs_as_the_golden_rows_do()
    {
        var documents = JsonDocument.Parse(File.ReadAllText(SharedData.Path("golden", "text", "training", "packing", "documents.json"))).RootElement;
        var lengths = documents.GetProperty("input_ids").EnumerateArray().Select(d => d.GetArrayLength()).ToList();
        var cases = JsonDocument.Parse(File.ReadAllText(SharedData.Path("golden", "text", "training", "packing", "packed.json"))).RootElement.EnumerateArray().Where(c => c.Text("rule") == "first_fit").ToList();
        Assert.Equal(3, cases.Count);
        foreach (var packing in cases)
        {
            var expected = packing.GetProperty("bins").EnumerateArray().Select(b => b.GetProperty("documents").EnumerateArray().Select(d => new Packing.Stretch(d[0].GetInt32(), d[1].GetInt32(), d[2].GetInt32())).ToArray());
            Assert.Equal(expected, Packing.FirstFit(lengths, packing.GetProperty("length").GetInt32()).Select(r => r.ToArray()));
        }
    }

    [Fact]
    public void A_packed_batch_has_the_golden_ids_labels_positions_and_segments()
    {
        var documents = JsonDocument.Parse(File.ReadAllText(SharedData.Path("golden", "text", "training", "packing", "documents.json"))).RootElement;
        int[][] Table(string key) => [.. documents.GetProperty(key).EnumerateArray().Select(r => r.EnumerateArray().Select(n => n.GetInt32()).ToArray())];
        var (ids, labels) = (Table("input_ids"), Table("labels"));
        var packed = JsonDocument.Parse(File.ReadAllText(SharedData.Path("golden", "text", "training", "packing", "packed.json"))).RootElement.EnumerateArray().First(c => c.Text("rule") == "first_fit" && c.GetProperty("length").GetInt32() == 128);
        var bins = packed.GetProperty("bins").EnumerateArray().ToList();
        var pieces = Packing.FirstFit(ids.Select(d => d.Length), 128).SelectMany(r => r).OrderBy(s => s.Document).ThenBy(s => s.Offset)
            .Select((s, i) => new Example(ids[s.Document][s.Offset..(s.Offset + s.Length)], labels[s.Document][s.Offset..(s.Offset + s.Length)], i)).ToList();
        using var batch = new BatchSource(pieces, new() { BatchSize = bins.Count, PackLength = 128, Shuffle = false, BucketBatches = 1 }).Epoch(0).Single();
        IEnumerable<long> Flat(string key) => bins.SelectMany(b => b.Ints(key)).Select(n => (long)n);
        Assert.Equal(Flat("input_ids"), batch.Input.Ids.data<long>());
        Assert.Equal(Flat("labels"), batch.Labels.data<long>());
        Assert.Equal(Flat("position_ids"), batch.Input.Positions!.data<long>());
        Assert.Equal(Flat("segment_ids"), batch.Input.Segments!.data<long>());
    }

    [Fact]
    public void Sst2_rows_are_read_as_the_reference_run_reads_them()
    {
        var tokenizer = GoldenRows.Tokenizer("smollm2");
        var dataset = Dataset.Load(new()
        {
            Path = SharedData.Path("assets", "glue", "SST-2", "train.tsv"),
            HeldOutPath = SharedData.Path("assets", "glue", "SST-2", "dev.tsv"),
            Rows = SharedData.Path("golden", "smollm2", "sst2_rows.json"),
            Prompt = "Review: {sentence}\nSentiment:",
            Completion = "{label}",
            Labels = new Dictionary<string, string> { ["0"] = " negative", ["1"] = " positive" },
            Trim = true,
            EndToken = false,
        }, tokenizer, 8192);
        Assert.Equal(2000, dataset.Train.Count);
        Assert.Equal(872, dataset.HeldOut.Count);
        Assert.Equal(11283, dataset.Train[0].Row);
        Assert.All(dataset.Train, e => Assert.Equal(1, e.SupervisedTokens));
        Assert.Equal(34411, dataset.Train.Sum(e => e.Ids.Length - 1)); // golden/smollm2/README.md counts what is fed: the label is only predicted
        Assert.Equal(125, new BatchSource(dataset.Train, new()).BatchesPerEpoch);
    }
}
