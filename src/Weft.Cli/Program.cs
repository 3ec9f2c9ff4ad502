using Weft.Cli;

using var interruption = Interruption.OfThisProcess();
return CommandLine.Run(args, Screen.OfThisProcess(interruption));
