using Weft.Adapters;
using Weft.Nn;

namespace Weft.Tests.Nn;

/// <summary>The loss with a frozen head against autograd through all logits, to 1e-6.</summary>
public sealed class CausalLossTests
{
    [Fact]
    public void A_graph_that_is_kept_gives_the_same_gradient_again()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var (weight, labels) = (randn(11, 6), arange(10, dtype: int64).view(2, 5));
        var hidden = randn(2, 5, 6).requires_grad_();
        var loss = CausalLoss.Sum(hidden, new Linear(new BaseTensor("head.weight", weight.alias())), labels) / 4;
        loss.backward([], retain_graph: true);
        var first = hidden.grad!.clone();
        loss.backward();
        var plain = hidden.detach().clone().requires_grad_();
        var logits = nn.functional.linear(plain.narrow(1, 0, 4), weight).reshape(-1, 11);
        (nn.functional.cross_entropy(logits, labels.narrow(1, 1, 4).reshape(-1), reduction: nn.Reduction.Sum) / 4).backward();
        Closeness.Check("first", first, plain.grad!, 1e-6);
        Closeness.Check("both", hidden.grad!, 2 * plain.grad!, 1e-6);
    }
}
