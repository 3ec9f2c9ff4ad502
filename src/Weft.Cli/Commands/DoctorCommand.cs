using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Weft.Native;

namespace Weft.Cli.Commands;

/// <summary><c>weft doctor</c>: what Weft stands on here, and a second of work that shows whether it computes rightly.</summary>
internal static class DoctorCommand
{
    private static readonly JsonSerializerOptions snake = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) } };

    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var threads = SharedOptions.Threads();
        var command = new Command("doctor", "Shows versions, CPU, threads, memory, libtorch and its parts, and runs a self-test of a second.") { threads, SharedOptions.Json() };
        command.SetAction(parsed => Run(screen, parsed.GetValue(threads)));
        return command.Examples("weft doctor", "weft doctor --json");
    }

    private static int Run(Screen screen, int? threads)
    {
        if (SystemReport.OfThisProcess().LibtorchMissing is null) LoadedModel.UseThreads(threads);
        var report = SystemReport.OfThisProcess();
        var tests = report.LibtorchMissing is null ? SelfTest.Run() : [];
        var isWell = report.LibtorchMissing is null && tests.All(t => t.IsOk);
        if (screen.IsJson)
        {
            var node = (JsonObject)JsonSerializer.SerializeToNode(report, snake)!;
            node["self_test"] = JsonSerializer.SerializeToNode(tests, snake);
            node["is_well"] = isWell;
            screen.WriteJson(node);
            return isWell ? ExitCode.Done : ExitCode.Failed;
        }
        screen.Table(["", ""], Lines(report).Select(l => new[] { l.Name, l.Value }));
        if (report.LibtorchMissing is { } missing)
        {
            screen.Head("libtorch does not load:");
            screen.Say(missing);
        }
        else
        {
            screen.Head("Self-test");
            screen.Table(["", "", ""], tests.Select(t => new[] { t.Name, t.Value, t.IsOk ? "ok" : "FAILED" }));
        }
        screen.Say(isWell ? "All is well." : "Something is wrong; see above.");
        return isWell ? ExitCode.Done : ExitCode.Failed;
    }

    private static IEnumerable<(string Name, string Value)> Lines(SystemReport report)
    {
        yield return ("Weft", report.Weft);
        yield return (".NET", report.Runtime);
        yield return ("system", report.System);
        if (report.Glibc is { } glibc) yield return ("glibc", glibc);
        if (report.Libstdcxx is { } symbols) yield return ("libstdc++", symbols);
        if (report.Libtorch is { } torch)
        {
            yield return ("libtorch", $"{torch.Version} in {torch.Folder}");
            yield return ("libstdc++ fallback", torch.UsedLibstdcxxFallback ? "used (the system's is older than GCC 13's)" : "not needed");
            yield return ("allocator", $"{torch.Allocator}{(torch.AllocatorReason is { } reason ? $" ({reason})" : "")}");
            yield return ("MKL, oneDNN", $"{torch.MklVersion}; {torch.OneDnnVersion}");
        }
        yield return ("CPU", $"{report.Cpu.Name}: {string.Join(", ", Features(report.Cpu))}");
        yield return ("cores", $"{report.Cores.Physical} physical, {report.Cores.Logical} logical{(report.Cores.Quota is { } quota ? $", {quota.ToString("0.##", CultureInfo.InvariantCulture)} granted" : "")}");
        if (report.Computing is { } computing) yield return ("threads", $"{computing.Threads} ({computing.Mode}, kernels {computing.Capability})");
        yield return ("memory", $"{Bytes.Text(report.MemoryBytes)}{(report.AvailableBytes is { } free ? $", {Bytes.Text(free)} free" : "")}{(report.MemoryLimit is { } limit ? $", limit {Bytes.Text(limit)}" : "")}");
        yield return ("CUDA devices", report.CudaDevices.ToString(CultureInfo.InvariantCulture));
    }

    private static IEnumerable<string> Features(CpuFeatures cpu) =>
        new[] { (cpu.HasAvx2, "AVX2"), (cpu.HasAvx512, "AVX-512"), (cpu.HasAvx512Bf16, "AVX512-BF16"), (cpu.HasAmxBf16, "AMX-BF16") }.Where(f => f.Item1).Select(f => f.Item2).DefaultIfEmpty("none of AVX2, AVX-512");
}
