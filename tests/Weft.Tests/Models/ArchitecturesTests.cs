using Weft.Models;

namespace Weft.Tests.Models;

public sealed class ArchitecturesTests
{
    [Fact]
    public void Families_of_an_assembly_that_is_known_already_stay()
    {
        var known = Architectures.All.ToList();
        Architectures.AddFrom(typeof(Architectures).Assembly);
        Assert.Equal(known, Architectures.All);
    }
}
