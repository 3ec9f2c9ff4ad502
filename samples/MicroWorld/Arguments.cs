using System.Globalization;

namespace MicroWorld;

/// <summary>What the command line asks for.</summary>
internal sealed record Arguments(string Verb, string Out, int Documents, ulong Seed)
{
    /// <summary>The arguments, or nothing if they are not understood.</summary>
    public static Arguments? Read(string[] args)
    {
        if (args.Length % 2 == 0 || args[0] is not ("corpus" or "quickstart")) return null;
        var read = new Arguments(args[0], "", 0, Quickstart.CommittedSeed);
        for (var i = 1; i < args.Length; i += 2)
            switch (args[i])
            {
                case "--out": read = read with { Out = args[i + 1] }; break;
                case "--documents" when int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var count): read = read with { Documents = count }; break;
                case "--seed" when ulong.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var seed): read = read with { Seed = seed }; break;
                default: return null;
            }
        return read.Out.Length == 0 || (read.Verb == "corpus" && read.Documents == 0) ? null : read;
    }
}
