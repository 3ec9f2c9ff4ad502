using System.CommandLine;
using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Cli.Runs;

namespace Weft.Cli.Commands;

/// <summary><c>weft plan</c>: what a config selects in a model and what training it will take, before anything is trained.</summary>
internal static class PlanCommand
{
    /// <summary>The verb.</summary>
    public static Command Create(Screen screen)
    {
        var run = new RunArguments();
        var tokens = new Option<long>("--tokens") { Description = "Tokens of a batch, for the estimates.", HelpName = "N", DefaultValueFactory = _ => 2048 };
        var threads = SharedOptions.Threads();
        var command = new Command("plan", "Shows what would be adapted: modules, shapes, trainable numbers, share of the base, memory and cost of a step.");
        run.AddTo(command);
        command.Add(tokens);
        command.Add(threads);
        command.Add(SharedOptions.Json());
        command.SetAction(parsed =>
        {
            var file = run.Read(parsed);
            file.Validate(readsData: false);
            if (parsed.GetValue(tokens) is < 1 and var few) throw new UsageException($"--tokens is {few}; a batch has at least one.");
            LoadedModel.UseThreads(parsed.GetValue(threads) ?? file.Train.Threads);
            using var model = LoadedModel.Open(screen, file.ModelName, file.Precision);
            model.ActivationBudget = file.Train.ActivationBudget;
            var plan = MethodOptions.ConfigOf(file).Plan(model);
            return Show(screen, plan, parsed.GetValue(tokens));
        });
        return command.Examples("weft plan recipes/quickstart.yaml", "weft plan --model weft-tiny --method lora adapter.rank=4", "weft plan --model my.gguf adapter.target_modules=[q_proj,v_proj] --json");
    }

    /// <summary>Shows a plan, and its problems where it has some.</summary>
    /// <param name="screen">Where.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="tokens">Tokens of a batch.</param>
    public static int Show(Screen screen, AdaptationPlan plan, long tokens)
    {
        if (plan.Problems.Count == 0) BuildOrListProblems(plan);
        var rows = plan.Rows();
        var estimate = plan.Problems.Count == 0 ? plan.Estimate(tokens) : null;
        if (screen.IsJson) screen.WriteJson(Node(plan, rows, estimate, tokens));
        else Table(screen, plan, rows, estimate, tokens);
        return plan.Problems.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    /// <summary>Shows the table and the estimates to people.</summary>
    public static void Table(Screen screen, AdaptationPlan plan, IReadOnlyList<PlanRow> rows, PlanEstimate? estimate, long tokens)
    {
        screen.Head($"Plan: {plan.Config.PeftType} on {(plan.Model.Source.Length > 0 ? plan.Model.Source : "a new model")}");
        screen.Table(["module", ">adapted", ">in", ">out", ">trainable", ""], rows.Select(r => new[]
        {
            r.Pattern, $"{r.Selected} of {r.Sites}", Bytes.Count(r.InFeatures), Bytes.Count(r.OutFeatures), r.Trainable == 0 ? "-" : Bytes.Count(r.Trainable), r.TrainsBase ? "trained itself" : "",
        }));
        if (plan.Problems.Count > 0)
        {
            screen.Say();
            screen.Say(plan.Refusal().Message);
        }
        if (estimate is null) return;
        screen.Say();
        screen.Say(FormattableString.Invariant($"trainable    {estimate.Trainable:N0} of {estimate.Base:N0}: {estimate.PercentOfBase:0.###} % of the base (WeGeFT's convention), {estimate.PercentOfAll:0.###} % of base and adapter (LoRA's)"));
        screen.Say(FormattableString.Invariant($"memory       about {Bytes.Text(estimate.WeightBytes + estimate.StateBytes + estimate.ActivationBytes)}: weights {Bytes.Text(estimate.WeightBytes)}, trained state {Bytes.Text(estimate.StateBytes)}, activations {Bytes.Text(estimate.ActivationBytes)} of a batch of {tokens:N0} tokens"));
        screen.Say(FormattableString.Invariant($"cost         about {estimate.StepFlops / 1e9:0.#} GFLOP a batch"));
    }

    /// <summary>The plan as JSON.</summary>
    public static JsonObject Node(AdaptationPlan plan, IReadOnlyList<PlanRow> rows, PlanEstimate? estimate, long tokens) => new()
    {
        ["method"] = plan.Config.PeftType,
        ["model"] = plan.Model.Source,
        ["rows"] = new JsonArray([.. rows.Select(r => (JsonNode)new JsonObject
        {
            ["module"] = r.Pattern,
            ["sites"] = r.Sites,
            ["adapted"] = r.Selected,
            ["in"] = r.InFeatures,
            ["out"] = r.OutFeatures,
            ["trainable"] = r.Trainable,
            ["trains_base"] = r.TrainsBase,
        })]),
        ["problems"] = new JsonArray([.. plan.Problems.Select(p => (JsonNode)p)]),
        ["estimate"] = estimate is null ? null : new JsonObject
        {
            ["trainable"] = estimate.Trainable,
            ["base"] = estimate.Base,
            ["percent_of_base"] = estimate.PercentOfBase,
            ["percent_of_all"] = estimate.PercentOfAll,
            ["weight_bytes"] = estimate.WeightBytes,
            ["state_bytes"] = estimate.StateBytes,
            ["activation_bytes"] = estimate.ActivationBytes,
            ["batch_tokens"] = tokens,
            ["batch_flops"] = estimate.StepFlops,
        },
    };

    // What only building finds out (a rank above a width) stands in Problems afterwards.
    private static void BuildOrListProblems(AdaptationPlan plan)
    {
        try
        {
            plan.Build();
        }
        catch (ArgumentException) when (plan.Problems.Count > 0)
        {
            // listed by the caller
        }
    }
}
