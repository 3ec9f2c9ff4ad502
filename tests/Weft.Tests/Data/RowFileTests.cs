using Weft.Data;

namespace Weft.Tests.Data;

public sealed class RowFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("a.jsonl", "\uFEFF{\"prompt\":\"a\",\"completion\":\"b\"}\n\n{\"prompt\":\"c\",\"completion\":\"d\"}\r\n", "0:1:a 1:3:c")]
    [InlineData("a.json", "[\n {\"prompt\":\"a\"},\n {\"prompt\":\n\"c\"}]", "0:2:a 1:3:c")]
    [InlineData("a.tsv", "prompt\tlabel\r\na\t1\r\n\"c\t2\n", "0:2:a 1:3:\"c")]
    public void Rows_are_read_with_their_numbers_and_lines(string name, string content, string rows) =>
        Assert.Equal(rows, string.Join(" ", RowFile.Read(Write(name, content)).Select(r => $"{r.Number}:{r.Line}:{r.Text("prompt")}")));

    [Theory]
    [InlineData("a.jsonl", "", "holds no rows.")]
    [InlineData("a.json", "", "holds no rows.")]
    [InlineData("a.tsv", "prompt\tlabel\n", "holds no rows.")]
    [InlineData("a.jsonl", "{\"a\":1}\n{\"a\":\n[1]\n", ":\n  line 2 is not valid JSON: Expected depth to be zero at the end of the JSON payload. There is an open JSON object or array that should be closed.\n  line 3 is [1], not a JSON object")]
    [InlineData("a.jsonl", "{\"a\":1,\"a\":2}\n", ":\n  line 1 is not valid JSON: An item with the same key has already been added. Key: a")]
    [InlineData("a.json", "{\"a\":1}", "holds Object, not an array of rows. Of a file with an object on each line say format: jsonl.")]
    [InlineData("a.json", "[1]", ":\n  item 0 (line 1) is Number, not an object")]
    [InlineData("a.json", "[{\"a\":1},\n1,\n{\"a\":1},\n2]", ":\n  item 1 (line 2) is Number, not an object\n  item 3 (line 4) is Number, not an object")]
    [InlineData("a.json", "{\"a\":1}\n{\"a\":2}\n", "is invalid after a single JSON value. Expected end of data. Of a file with an object on each line say format: jsonl.")]
    [InlineData("a.json", "[{\"a\":1},\n{\"a\":{\"b\":1,\"b\":2}}]", ":\n  item 1 (line 2) is not valid JSON: An item with the same key has already been added. Key: b")]
    [InlineData("a.jsonl", "{\"a\":[{\"b\":1,\"b\":2}]}\n", ":\n  line 1 is not valid JSON: An item with the same key has already been added. Key: b")]
    [InlineData("a.jsonl", "{\"a\":\"x\"}\n{\"a\":[\"\\ud83d\"]}\n", ":\n  line 2 holds half of a surrogate pair, as \\ud83d without \\ude00 behind it; write the whole character")]
    [InlineData("a.json", "[\n{\"a\":\"\\ude00\"}]", ":\n  item 0 (line 2) holds half of a surrogate pair, as \\ud83d without \\ude00 behind it; write the whole character")]
    [InlineData("a.tsv", "a\tb\n1\n", ":\n  line 2 has 1 values for the 2 columns a, b")]
    [InlineData("a.tsv", "a\ta\n1\t2\n", ":\n  line 1 names a column twice: a, a")]
    public void Broken_files_are_refused_with_line_numbers(string name, string content, string message)
    {
        var path = Write(name, content);
        var error = Assert.Throws<InvalidDataException>(() => RowFile.Read(path));
        Assert.Contains(message, error.Message);
        Assert.StartsWith(path, error.Message);
    }

    [Fact]
    public void Bytes_that_are_no_utf8_are_refused_with_line_and_byte()
    {
        var path = Path.Combine(folder, "a.jsonl");
        File.WriteAllBytes(path, [.. System.Text.Encoding.UTF8.GetBytes("{\"a\":\"é\"}\n{\"a\":\""), 0xE9, (byte)'"', (byte)'}']);
        var error = Assert.Throws<InvalidDataException>(() => RowFile.Read(path));
        Assert.Equal($"{path} is not UTF-8: line 2, byte 17 of the file is 0xE9. Convert it to UTF-8.", error.Message);
    }

    [Fact]
    public void A_missing_file_a_folder_and_an_unknown_format_are_refused()
    {
        Assert.Equal($"There is no data file {folder}/none.jsonl.", Assert.Throws<FileNotFoundException>(() => RowFile.Read(folder + "/none.jsonl")).Message);
        Assert.Contains("is a folder", Assert.Throws<FileNotFoundException>(() => RowFile.Read(folder)).Message);
        Assert.Contains("\".csv\" says no format", Assert.Throws<NotSupportedException>(() => RowFile.Read(Write("a.csv", "a"))).Message);
    }

    [Fact]
    public void A_file_without_header_calls_its_columns_by_number()
    {
        var options = new DataOptions { Path = Write("a.tsv", "good film\t1\nbad\t0\n"), Header = false, Columns = new Dictionary<string, string> { ["prompt"] = "0", ["completion"] = "1" } };
        var (train, _) = Dataset.Texts(options);
        Assert.Equal(["good film→1", "bad→0"], train.Select(t => $"{t.Prompt}→{t.Completion}"));
    }

    [Fact]
    public void Rows_are_selected_by_number_skip_limit_and_seed_and_held_out_rows_are_kept_apart()
    {
        var path = Write("a.jsonl", string.Concat(Enumerable.Range(0, 50).Select(i => $"{{\"text\":\"t{i}\"}}\n")));
        var numbers = Write("rows.json", """{"what":"rows","train":[7,3,9,1]}""");
        string Take(DataOptions options) => string.Join(" ", Dataset.Texts(options with { Path = path }).Train.Select(t => t.Row.Number));
        Assert.Equal("3 9", Take(new() { Rows = numbers, Skip = 1, Limit = 2 }));
        Assert.Equal(Take(new() { Shuffle = true, Seed = 3, Limit = 20 }), Take(new() { Shuffle = true, Seed = 3, Limit = 20 }));
        Assert.NotEqual(Take(new() { Shuffle = true, Seed = 3 }), Take(new() { Shuffle = true, Seed = 4 }));
        var (train, held) = Dataset.Texts(new() { Path = path, HeldOutShare = 0.2 });
        Assert.Equal(10, held.Count);
        Assert.Equal(Enumerable.Range(0, 50).Select(i => (long)i), train.Concat(held).Select(t => t.Row.Number).Order());
        var error = Assert.Throws<InvalidDataException>(() => Take(new() { Rows = Write("bad.json", "[1, 50, \"x\"]") }));
        Assert.Contains($"50 is no number of a row of {path}, which has 50 (0 to 49)\n  \"x\" is no number", error.Message);
        Assert.Contains("No row of", Assert.Throws<ArgumentException>(() => Take(new() { Skip = 50 })).Message);
    }

    private string Write(string name, string content)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, content);
        return path;
    }
}
