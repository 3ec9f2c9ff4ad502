using Weft.Benchmarks;

// One measure a process, so that peak memory is its own. The driver at the end of docs/log.md's entries is `all`.
var options = args.Skip(1).Select(a => a.Split('=', 2)).ToDictionary(a => a[0], a => a.Length > 1 ? a[1] : "");
switch (args.FirstOrDefault())
{
    case "training": Training.Run(options); break;
    case "sst2": Training.RunSst2(options); break;
    case "start": return Starting.Run(options);
    case "opening": Opening.Run(options); break;
    case "decode": Decoding.Run(options); break;
    case "llamasharp": LlamaSharpDecoding.Run(options); break;
    default:
        Console.Error.WriteLine(
            """
            usage: Weft.Benchmarks <measure> [key=value …]
              training  shape=15m|110m|smollm2 method=lora|wegeft [rank=16] [batch=4] [tokens=256] [precision=bf16] [gguf=FILE] [steps=12]
              sst2      gguf=FILE method=lora|wegeft [precision=bf16] [steps=40] [length=…] [activations=MB that are kept]     rows of 8 to 30 tokens, 16 a batch, one supervised token each
              start     cli=weft.dll [times=3] run="RUNFILE key=value …"     from the start of the process to the end of its first step
              opening   [megabytes=216] [tensors=300]
              decode    gguf=FILE [tokens=128] [precision=fp32]
              llamasharp gguf=FILE [tokens=128]
            """);
        return 2;
}
return 0;
