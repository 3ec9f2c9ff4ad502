using System.Globalization;
using System.Text.Json.Nodes;

namespace Weft.Cli.Verification;

/// <summary>What a verification found.</summary>
/// <param name="Request">What was asked.</param>
/// <param name="Compared">Every comparison, in the order of the file of expected tensors.</param>
/// <param name="NotChecked">Everything else that is expected, with the reason.</param>
/// <param name="Notes">What reading the tolerances and loading the adapter found worth saying.</param>
internal sealed record VerifyReport(VerifyRequest Request, IReadOnlyList<Comparison> Compared, IReadOnlyList<Unchecked> NotChecked, IReadOnlyList<string> Notes)
{
    /// <summary>Whether something was compared and all of it passed.</summary>
    public bool Passed => Compared.Count > 0 && Failed == 0;

    /// <summary>How many comparisons are above their limit.</summary>
    public int Failed => Compared.Count(c => !c.Passed);

    /// <summary>What the process tells the shell: 0, or 1 when something differs or nothing was compared.</summary>
    public int ExitCode => Passed ? 0 : 1;

    /// <summary>The verdict in one line.</summary>
    public string Verdict => Compared.Count == 0 ? $"Nothing was checked, which proves nothing: {Counted(NotChecked.Count)} expected, none of them comparable."
        : Failed > 0 ? $"{Failed} of {Counted(Compared.Count)} differ by more than their rule allows; {NotChecked.Count} not checked."
        : $"{Counted(Compared.Count)} compared, all within their rule; {NotChecked.Count} not checked.";

    /// <summary>The report as lines for a person, one per expected tensor, the verdict last.</summary>
    public IEnumerable<string> Lines()
    {
        yield return $"model     {Request.Model}";
        if (Request.Adapter is { } adapter) yield return $"adapter   {adapter}";
        yield return $"inputs    {Request.Inputs}";
        yield return $"expected  {Request.Expected}";
        foreach (var note in Notes) yield return $"note      {note}";
        var width = Compared.Select(c => c.Name.Length).DefaultIfEmpty(0).Max();
        if (Compared.Count > 0) yield return "";
        foreach (var one in Compared)
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{(one.Passed ? "equal    " : "DIFFERENT")}  {one.Name.PadRight(width)}  {(double.IsFinite(one.Difference) ? one.Difference.ToString("0.00e+00", CultureInfo.InvariantCulture) : "-"),-8}  {one.Rule}{(one.Problem is null ? "" : $": {one.Problem}")}");
        if (NotChecked.Count > 0) yield return "";
        foreach (var group in NotChecked.GroupBy(n => n.Reason))
        {
            yield return $"not checked, {group.Key}:";
            foreach (var (name, _) in group) yield return $"  {name}";
        }
        yield return "";
        yield return Verdict;
    }

    /// <summary>The report for a program.</summary>
    public JsonObject ToJson() => new()
    {
        ["passed"] = Passed,
        ["verdict"] = Verdict,
        ["model"] = Request.Model,
        ["adapter"] = Request.Adapter,
        ["inputs"] = Request.Inputs,
        ["expected"] = Request.Expected,
        ["notes"] = new JsonArray([.. Notes.Select(n => (JsonNode)n)]),
        ["failed"] = Failed,
        ["compared"] = new JsonArray([.. Compared.Select(c => (JsonNode)new JsonObject
        {
            ["name"] = c.Name,
            ["passed"] = c.Passed,
            ["difference"] = double.IsFinite(c.Difference) ? c.Difference : null,
            ["limit"] = c.Limit,
            ["rule"] = c.Rule,
            ["problem"] = c.Problem,
        })]),
        ["not_checked"] = new JsonArray([.. NotChecked.Select(n => (JsonNode)new JsonObject { ["name"] = n.Name, ["reason"] = n.Reason })]),
    };

    private static string Counted(int count) => count == 1 ? "1 quantity" : $"{count} quantities";
}
