using Weft.Native;

Libtorch.Initialize();
Console.WriteLine(TorchSharp.torch.ones(2, 2).sum().item<float>());
