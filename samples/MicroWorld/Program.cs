using System.Globalization;
using MicroWorld;

const string usage = """
    usage: corpus     --out FILE   --documents N [--seed S]   pretraining text, JSONL with the key text
           quickstart --out FOLDER [--seed S]                 train.jsonl and heldout.jsonl, with the keys prompt and completion
    """;

if (Arguments.Read(args) is not { } given)
{
    Console.Error.WriteLine(usage);
    return 2;
}

if (given.Verb == "corpus")
{
    Write(given.Out, Corpus.Documents(given.Seed).Take(given.Documents).Select(d => $"{{\"text\": {Text.Quoted(d)}}}"));
}
else
{
    Directory.CreateDirectory(given.Out);
    Write(Path.Combine(given.Out, "train.jsonl"), Quickstart.Train(given.Seed).Select(r => r.Line));
    Write(Path.Combine(given.Out, "heldout.jsonl"), Quickstart.HeldOut(given.Seed).Select(r => r.Line));
}
return 0;

static void Write(string path, IEnumerable<string> lines)
{
    using var file = new StreamWriter(path) { NewLine = "\n" };
    foreach (var line in lines) file.WriteLine(line);
    file.Flush();
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {file.BaseStream.Position:N0} bytes"));
}
