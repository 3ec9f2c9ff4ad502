using Weft.Native;

namespace Weft.Tests.Native;

public sealed class LibtorchTests
{
    [Fact]
    public void A_tensor_can_be_made_and_added_up()
    {
        Libtorch.Initialize();
        Assert.Equal(4f, ones(2, 2).sum().item<float>());
    }
}
