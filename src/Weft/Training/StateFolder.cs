using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Weft.Checkpoints;

namespace Weft.Training;

/// <summary>The folder a run is resumed from: the last two saved states, each complete or not there.</summary>
/// <remarks>
/// <code>
/// step-000120/state.safetensors   trained.KEY, optimizer.KEY.…, updates.SITE.NAME, generator
///             position.json       step, pass, batch, best evaluation, hashes of the configuration and of what went in
///             manifest.json       SHA-256 of the other two: a state without it, or that differs from it, is not used
/// latest                          the name of the newest one, for people; reading looks at the states themselves
/// </code>
/// A state is written under a hidden name, flushed to the disk and then given its name, so a process may be killed at any moment.
/// </remarks>
/// <param name="path">The folder; it is made when something is saved.</param>
public sealed class StateFolder(string path)
{
    private const int Kept = 2;
    private const string Tensors = "state.safetensors";
    private const string Where = "position.json";
    private const string Hashes = "manifest.json";
    private static readonly JsonSerializerOptions json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>The folder.</summary>
    public string Path { get; } = path;

    /// <summary>Saves where a run stands and removes all but the last two steps' states.</summary>
    /// <param name="state">The state, between two steps.</param>
    /// <param name="configuration">What must not change between saving and resuming, the resolved run file say; its hash is kept.</param>
    /// <param name="inputs">Hashes of what goes into the run and must not change either, by what messages call it.</param>
    /// <exception cref="InvalidOperationException">A trained tensor is not finite; the states saved before are unchanged.</exception>
    /// <exception cref="IOException">The folder cannot be written or the disk is full; the states saved before are unchanged.</exception>
    public void Save(TrainingState state, string configuration, IReadOnlyDictionary<string, string>? inputs = null)
    {
        state.CheckFinite();
        var temporary = System.IO.Path.Combine(Path, $".{Guid.NewGuid():N}.tmp");
        try
        {
            Directory.CreateDirectory(Path);
            RemoveLeftovers();
            Directory.CreateDirectory(temporary);
            WriteInto(temporary, state, configuration, inputs);
            var name = FreeName(state.Step);
            Directory.Move(temporary, System.IO.Path.Combine(Path, name));
            AtomicFile.Write(System.IO.Path.Combine(Path, "latest"), name + "\n");
        }
        catch (Exception e)
        {
            AtomicFile.RemoveFolder(temporary);
            if (e is UnauthorizedAccessException) throw new IOException($"{Path} could not be written: {e.Message.TrimEnd('.')}. The states saved before are unchanged.", e);
            throw;
        }
        var all = NewestFirst();
        foreach (var old in all.Except(all.Where(s => Damage(s) is null).DistinctBy(s => Number(s).Step).Take(Kept)).ToList()) AtomicFile.RemoveFolder(old);
    }

    /// <summary>Brings a fresh state to where the newest complete saved one stands; null when there is none.</summary>
    /// <param name="state">A state of the same adapters, options and data.</param>
    /// <param name="configuration">The same text as when it was saved.</param>
    /// <param name="inputs">The same hashes as when it was saved; a state that has none is taken without them.</param>
    /// <exception cref="InvalidDataException">Every saved state is damaged, or the newest whole one belongs to another configuration, data, base or set of tensors.</exception>
    public RestoredState? Restore(TrainingState state, string configuration, IReadOnlyDictionary<string, string>? inputs = null)
    {
        var notes = new List<string>();
        foreach (var folder in NewestFirst())
        {
            if (Damage(folder) is { } damage)
            {
                notes.Add($"{folder} is damaged and left out: {damage}.");
                continue;
            }
            var position = JsonSerializer.Deserialize<Position>(File.ReadAllText(System.IO.Path.Combine(folder, Where)), json)
                ?? throw new InvalidDataException($"{folder}/{Where} is empty.");
            Compare(folder, position, state, configuration, inputs ?? new Dictionary<string, string>());
            ReadTensors(System.IO.Path.Combine(folder, Tensors), state);
            (state.Step, state.Epoch, state.Batch, state.Seconds) = (position.Step, position.Epoch, position.Batch, position.Seconds);
            state.Evaluations.Restore(position.BestLoss, position.BestStep, position.EvaluationsSinceBest);
            if (position.Threads != get_num_threads())
                notes.Add($"The run used {position.Threads} threads, this process uses {get_num_threads()}: the numbers will differ in their last bits. Give --threads {position.Threads} for the same bits.");
            return new RestoredState(folder, position.Step, notes);
        }
        return notes.Count == 0 ? null : throw new InvalidDataException($"{Path} has no whole state to resume from:\n  {string.Join("\n  ", notes)}\nStart the run again under another name.");
    }

    private static void WriteInto(string folder, TrainingState state, string configuration, IReadOnlyDictionary<string, string>? inputs)
    {
        using var scope = NewDisposeScope();
        var generator = state.Generator ?? get_rng_state();
        Safetensors.Write(System.IO.Path.Combine(folder, Tensors), [.. Live(state), .. state.Updates.SelectMany(u => u.Value.State().Select(s => ($"updates.{u.Name}.{s.Name}", s.Value))), ("generator", generator)]);
        WriteJson(System.IO.Path.Combine(folder, Where), new Position(
            state.Step, state.Epoch, state.Batch, state.BatchesPerEpoch, state.Seconds, state.Evaluations.BestLoss, state.Evaluations.BestStep,
            state.Evaluations.EvaluationsSinceBest, get_num_threads(), HashOf(configuration), inputs));
        WriteJson(System.IO.Path.Combine(folder, Hashes), new[] { Tensors, Where }.ToDictionary(f => f, f => FileHash.Of(System.IO.Path.Combine(folder, f))));
    }

    private static void ReadTensors(string file, TrainingState state)
    {
        using var scope = NewDisposeScope();
        using var checkpoint = Safetensors.Open(file);
        var saved = checkpoint.Tensors.Keys.ToDictionary(k => k, k => checkpoint.Read(k));
        if (!saved.Remove("generator", out var generator)) throw new InvalidDataException($"{file} has no tensor \"generator\".");
        var around = saved.Where(s => s.Key.StartsWith("updates.", StringComparison.Ordinal)).ToList();
        foreach (var (key, _) in around) saved.Remove(key);
        SavedTensors.CopyInto([.. Live(state)], saved, file);
        foreach (var (name, updates) in state.Updates)
        {
            var prefix = $"updates.{name}.";
            updates.Restore(around.Where(s => s.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(s => s.Key[prefix.Length..], s => s.Value.clone()));
        }
        state.Generator = generator.clone().DetachFromDisposeScope();
    }

    private static IEnumerable<(string Key, Tensor Value)> Live(TrainingState state) =>
        [.. state.Trained.Select(t => ($"trained.{t.Key}", (Tensor)t.Value)), .. state.Optimizer.State.Select(t => ($"optimizer.{t.Key}", t.Value))];

    private static void Compare(string folder, Position saved, TrainingState state, string configuration, IReadOnlyDictionary<string, string> inputs)
    {
        var problems = new List<string>();
        if (saved.Configuration != HashOf(configuration)) problems.Add($"the configuration has the hash {Short(saved.Configuration)} there and {Short(HashOf(configuration))} here");
        foreach (var (name, hash) in saved.Inputs ?? new Dictionary<string, string>())
            if (inputs.TryGetValue(name, out var now) && now != hash) problems.Add($"{name} has the hash {Short(hash)} there and {Short(now)} here");
        if (saved.BatchesPerEpoch != state.BatchesPerEpoch) problems.Add($"a pass over the data has {saved.BatchesPerEpoch} batches there and {state.BatchesPerEpoch} here");
        if (problems.Count > 0)
            throw new InvalidDataException($"{folder} is of another run:\n  {string.Join("\n  ", problems)}\nResume with the run file, data and base the run was started with, or start a new run under another name.");
    }

    private static string Short(string hash) => hash[..Math.Min(12, hash.Length)];

    // null when the state is whole
    private static string? Damage(string folder)
    {
        try
        {
            var hashes = JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(System.IO.Path.Combine(folder, Hashes)), json) ?? [];
            foreach (var file in (string[])[Tensors, Where])
                if (!hashes.TryGetValue(file, out var expected)) return $"{Hashes} does not name {file}";
                else if (FileHash.Of(System.IO.Path.Combine(folder, file)) is var found && found != expected) return $"{file} has the SHA-256 {Short(found)}…, {Hashes} says {Short(expected)}…";
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return e.Message.TrimEnd('.');
        }
    }

    private static void WriteJson<T>(string file, T value) => AtomicFile.Write(file, s => JsonSerializer.Serialize(s, value, json));

    private static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    // A step may be saved again after a resume; the state that is there stays until the new one is whole.
    private string FreeName(int step)
    {
        var again = NewestFirst().Select(Number).Where(n => n.Step == step).Select(n => n.Again + 1).FirstOrDefault();
        return again == 0 ? $"step-{step:000000}" : $"step-{step:000000}.{again}";
    }

    private List<string> NewestFirst() =>
        Directory.Exists(Path)
            ? [.. from folder in Directory.EnumerateDirectories(Path, "step-*")
                  let parts = System.IO.Path.GetFileName(folder)[5..].Split('.')
                  where parts.Length <= 2 && parts.All(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                  orderby Number(folder) descending
                  select folder]
            : [];

    private static (int Step, int Again) Number(string folder)
    {
        var parts = System.IO.Path.GetFileName(folder)[5..].Split('.');
        return (int.Parse(parts[0], CultureInfo.InvariantCulture), parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0);
    }

    private void RemoveLeftovers()
    {
        foreach (var folder in Directory.EnumerateDirectories(Path, ".*.tmp").ToList()) AtomicFile.RemoveFolder(folder);
    }

    private sealed record Position(
        int Step, int Epoch, int Batch, int BatchesPerEpoch, double Seconds, double? BestLoss, int BestStep, int EvaluationsSinceBest, int Threads, string Configuration,
        IReadOnlyDictionary<string, string>? Inputs = null);
}
