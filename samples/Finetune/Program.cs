using Weft.Adapters;
using Weft.Data;
using Weft.Evaluation;
using Weft.Methods;
using Weft.Models;
using Weft.Training;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: Finetune TRAIN.jsonl HELDOUT.jsonl");
    return 2;
}
using var model = Pretrained.Load("weft-tiny"); // or a Hugging Face folder, a .gguf file, org/name in the local cache
var tokenizer = Tokenizer.Load(Pretrained.Find("weft-tiny"));

var adapters = new WegeftConfig { Rank = 14, Alpha = 28, TargetModules = Targets.Matching("all-linear") }.AttachTo(model);
Console.WriteLine(adapters); // WeGeFT: 38,976 trainable numbers at 28 sites

var data = Dataset.Load(new DataOptions { Path = args[0], HeldOutPath = args[1] }, tokenizer, context: 256);
var batches = new BatchSource(data.Train, new BatchOptions { BatchSize = 16 });
var options = new TrainOptions { LearningRate = 5e-3, Schedule = ScheduleShape.Cosine, Epochs = 1 };

// The loop is a sequence: evaluation, logging, saving and stopping are statements of yours.
foreach (var step in Train.Steps(new TrainingState(adapters, options, batches.BatchesPerEpoch), batches, b => model.Loss(b.Input, b.Labels)))
    if (step.Index % 20 == 0) Console.WriteLine($"step {step.Index}: {step.Loss:F4} nats per token, {step.TokensPerSecond:F0} tokens/s");

adapters.Save("out/records"); // adapter_config.json, adapter_model.safetensors, weft.json

var prompt = data.HeldOut[0].EncodePrompt(tokenizer)!;
var answer = Generation.Run(model, [prompt], new GenerationOptions { StopTokens = tokenizer.EndIds, Decode = ids => tokenizer.Decode(ids) })[0];
Console.WriteLine($"{data.HeldOut[0].Prompt}{answer.Text}");
return 0;
