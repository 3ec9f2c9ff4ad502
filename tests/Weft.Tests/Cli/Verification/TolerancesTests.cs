using System.Text.Json.Nodes;
using Weft.Cli.Verification;

namespace Weft.Tests.Cli.Verification;

/// <summary>Which number bounds which quantity.</summary>
public sealed class TolerancesTests
{
    [Theory]
    [InlineData("""{"outputs": 1e-3, "gradients": 1e-2}""", "right.logits", 1e-3)]
    [InlineData("""{"outputs": 1e-3, "gradients": 1e-2}""", "grad.w", 1e-2)]
    [InlineData("""{"logits": 0.5, "outputs": 1e-3}""", "right.logits", 0.5)]
    [InlineData("""{"logits": 0.5, "right.logits": 0.25}""", "right.logits", 0.25)]
    [InlineData("""{"logits": 0.5, "right.logits": 0.25}""", "logits", 0.5)]
    [InlineData("""{"logits": 0.5, "merged": 0.25}""", "merged_logits", 0.25)]
    [InlineData("""{"logits": 0.5}""", "merged_logits", 0.5)]
    [InlineData("""{"logits": 0.5, "base": 0.125}""", "base.logits", 0.125)]
    [InlineData("""{"delta": 0.5, "merged": 0.25}""", "delta.w", 0.5)]
    [InlineData("""{"grad": 0.5, "gradients": 0.25}""", "grad.w", 0.5)]
    [InlineData("""{"all": 0.5}""", "loss", 0.5)]
    [InlineData("""{"trace": 0.5, "logits": null, "outputs": "exact"}""", "logits", 1e-5)]
    [InlineData("0.5", "logits", 0.5)]
    [InlineData("0.5", "grad.w", 0.5)]
    [InlineData("1e-6", "grad.w", 1e-4)]
    [InlineData("\"exact\"", "logits", 1e-5)]
    [InlineData("null", "grad.w", 1e-4)]
    public void The_most_particular_entry_counts(string json, string name, double tolerance) =>
        Assert.Equal(tolerance, Tolerances.Read(JsonNode.Parse(json), "case.json").Of(Quantity.Parse(name, ["", "right"])!));

    [Fact]
    public void The_floor_of_gradients_can_be_given()
    {
        Assert.Equal(1e-3, Tolerances.Default.GradientFloor);
        Assert.Equal(0.1, Tolerances.Read(JsonNode.Parse("""{"gradient_floor": 0.1}"""), "case.json").GradientFloor);
    }

    [Fact]
    public void A_negative_tolerance_is_refused() =>
        Assert.Contains("logits: -1", Assert.Throws<InvalidDataException>(() => Tolerances.Read(JsonNode.Parse("""{"logits": -1}"""), "case.json")).Message, StringComparison.Ordinal);
}
