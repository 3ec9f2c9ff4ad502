using System.Text.Json.Nodes;
using Weft.Adapters;
using Weft.Checkpoints;
using Weft.Cli.Verification;
using Weft.Methods;
using Weft.Models;
using Weft.Nn;
using Weft.Tests.Checkpoints;

namespace Weft.Tests.Cli.Verification;

/// <summary>A case of our own making: a random LLaMA with a LoRA adapter, inputs, and outputs that this process computed.</summary>
internal sealed class TinyCase : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public TinyCase()
    {
        manual_seed(7);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var config = JsonNode.Parse("""
            {"architectures":["LlamaForCausalLM"],"model_type":"llama","vocab_size":40,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,
             "num_attention_heads":4,"num_key_value_heads":2,"max_position_embeddings":64,"rms_norm_eps":1e-5,"rope_theta":10000.0,"eos_token_id":2,"tie_word_embeddings":false}
            """)!.AsObject();
        Directory.CreateDirectory(File("model"));
        System.IO.File.WriteAllText(File("model/config.json"), config.ToJsonString());
        using (var random = Architectures.Create(config, Weights.Random(0.2), "tiny"))
            Safetensors.Write(File("model/model.safetensors"), random.Tensors.Where(t => t.TiedTo is null).Select(t => (t.Key, t.Value)));

        using var model = Pretrained.Load(File("model"));
        var set = new LoraConfig { Rank = 2, TargetModules = new Targets("q_proj", "v_proj") }.AttachTo(model);
        foreach (var (_, value) in set.Parameters) value.normal_(0, 0.2);
        set.Save(File("adapter"));

        Inputs["input_ids"] = tensor(new long[,] { { 5, 6, 7, 8, 9 }, { 3, 4, 30, 31, 0 } });
        Inputs["attention_mask"] = tensor(new long[,] { { 1, 1, 1, 1, 1 }, { 1, 1, 1, 1, 0 } });
        Inputs["labels"] = tensor(new long[,] { { -100, 6, 7, 8, 9 }, { -100, -100, 30, 31, -100 } });
        Inputs["left.input_ids"] = tensor(new long[,] { { 0, 0, 11, 12 }, { 13, 14, 15, 16 } });
        Inputs["left.attention_mask"] = tensor(new long[,] { { 0, 0, 1, 1 }, { 1, 1, 1, 1 } });
        Inputs["left.position_ids"] = tensor(new long[,] { { 0, 0, 0, 1 }, { 0, 1, 2, 3 } });
        var (plain, left) = (new TokenInput(Inputs["input_ids"], Inputs["attention_mask"]), new TokenInput(Inputs["left.input_ids"], Inputs["left.attention_mask"], Inputs["left.position_ids"]));
        var labels = Inputs["labels"];
        Outputs["logits"] = model.Logits(plain);
        Outputs["loss"] = model.Loss(plain, labels) / 6;
        Outputs["left.logits"] = model.Logits(left);
        var states = new List<Tensor>();
        model.Hidden(left, states: states);
        foreach (var (state, i) in states.Select((s, i) => (s, i))) Outputs[$"left.hidden.{i}"] = state;
        using (enable_grad()) (model.Loss(plain, labels) / 6).backward();
        foreach (var (key, value) in set.Parameters) Outputs[$"grad.{key}"] = value.grad!;
        Outputs["generate.ids"] = Greedy(model, left, 6);
        model.DisableAdapters();
        Outputs["base_logits"] = model.Logits(plain);
        var query = model.Tensors.Single(t => t.Key == Query).Pretrained.clone();
        model.Activate(set.Name);
        Merging.Into(model);
        Outputs["merged.logits"] = model.Logits(plain);
        Outputs[$"merged.{Query}"] = model.Tensors.Single(t => t.Key == Query).Value;
        Outputs[$"delta.{Query}"] = Outputs[$"merged.{Query}"] - query;
        Outputs["trace.loss"] = ones(3);
        foreach (var tensors in new[] { Inputs, Outputs })
            foreach (var (name, value) in tensors.ToList()) tensors[name] = value.detach().clone().DetachFromDisposeScope();
        Facts["tolerance"] = new JsonObject { ["outputs"] = 1e-5, ["gradients"] = 1e-4 };
    }

    public const string Query = "model.layers.0.self_attn.q_proj.weight";

    public JsonObject Facts { get; } = [];

    public Dictionary<string, Tensor> Inputs { get; } = [];

    public Dictionary<string, Tensor> Outputs { get; } = [];

    public string Folder => folder.File("case");

    public string File(string name)
    {
        Directory.CreateDirectory(Folder);
        return Path.Combine(Folder, name);
    }

    /// <summary>Writes the files and reads the case.</summary>
    public VerifyRequest Written()
    {
        System.IO.File.WriteAllText(File("case.json"), Facts.ToJsonString());
        Safetensors.Write(File("inputs.safetensors"), Inputs.Select(t => (t.Key, t.Value)));
        Safetensors.Write(File("outputs.safetensors"), Outputs.Select(t => (t.Key, t.Value)));
        return CaseFolder.Read(Folder);
    }

    /// <summary>Writes the files and verifies the case.</summary>
    public VerifyReport Verified() => Verifier.Run(Written());

    public void Dispose()
    {
        foreach (var tensor in Inputs.Values.Concat(Outputs.Values)) tensor.Dispose();
        folder.Dispose();
    }

    // Each row alone, without padding and without a cache.
    private static Tensor Greedy(CausalModel model, TokenInput prompt, int count)
    {
        var rows = new List<Tensor>();
        for (var row = 0L; row < prompt.Ids.shape[0]; row++)
        {
            var ids = prompt.Ids[row].masked_select(prompt.Mask![row].ne(0)).unsqueeze(0);
            for (var i = 0; i < count; i++) ids = cat([ids, model.NextLogits(new TokenInput(ids)).argmax(1, keepdim: true)], 1);
            rows.Add(ids.narrow(1, ids.shape[1] - count, count));
        }
        return cat(rows, 0);
    }
}
