using System.Text.Json;
using System.Text.Json.Serialization;
using TorchSharp.Utils;
using Weft.Adapters;

namespace Weft.Methods;

/// <summary>Φ and Ψ of WeGeFT, one pair for every module that shares it.</summary>
internal sealed class WegeftPair : nn.Module
{
    [ComponentName(Name = "wegeft_phi")] private readonly WegeftFactor phi;
    [ComponentName(Name = "wegeft_psi")] private readonly WegeftFactor psi;
    private Call? lastCall;
    private Tensor? lastInput, lastEdited;

    public WegeftPair(int rank, long width, double alpha, bool byRoot, bool startsAtBase, string zero) : base(nameof(WegeftPair))
    {
        (Rank, Width, Alpha, LoraAlpha) = (rank, width, alpha, byRoot ? alpha * Math.Sqrt(rank) : alpha);
        phi = new WegeftFactor(rank, width, isZero: startsAtBase && zero == "phi");
        psi = new WegeftFactor(rank, width, isZero: startsAtBase && zero == "psi");
        RegisterComponents();
    }

    public int Rank { get; }

    public long Width { get; }

    public double Alpha { get; }

    /// <summary>The α that gives the same scale as α / r.</summary>
    public double LoraAlpha { get; }

    /// <summary>s = α / r, or α / √r.</summary>
    public double Scale => LoraAlpha / Rank;

    public WegeftFactor Phi => phi;

    public WegeftFactor Psi => psi;

    /// <summary>Whether modules that read one input (q, k, v) share it; their edited input is then computed once.</summary>
    public bool ServesTogether { get; set; }

    public string? LastParent { get; set; }

    /// <summary>x + m ⊙ s (x Ψᵀ) Φ over the last axis, (…, width) → (…, width).</summary>
    public Tensor Edit(Tensor x, Tensor? mask)
    {
        // Within one call of the model nothing trained moves, so one input has one edit; outside a call nothing is kept.
        var keeps = ServesTogether && mask is null && Call.Current is not null;
        if (keeps && lastCall == Call.Current && ReferenceEquals(x, lastInput) && lastEdited is { IsInvalid: false }) return lastEdited;
        Tensor edited;
        using (var scope = NewDisposeScope())
        {
            var wide = x.dtype == phi.Weight.dtype ? x : x.to(phi.Weight.dtype);
            var flat = wide.reshape(-1, Width);
            var inner = flat.mm(psi.Weight.t());
            if (mask is not null) inner = inner * mask.to(inner.dtype).reshape(-1, 1);
            edited = addmm(flat, inner, phi.Weight, 1, (float)Scale).reshape(wide.shape).to(x.dtype).MoveToOuterDisposeScope();
        }
        if (!keeps) return edited;
        // Out of the adapter's and the host's scope, into that of the part which calls the hosts one after the other.
        (lastCall, lastInput, lastEdited) = (Call.Current, x, edited.MoveToOuterDisposeScope().MoveToOuterDisposeScope());
        return edited;
    }

    /// <summary>s (W Φᵀ) Ψ, fp32: what the input side adds to a weight (out, width).</summary>
    public Tensor Residual(Tensor weight) => weight.to(phi.Weight.dtype).mm(phi.Weight.t()).mm(psi.Weight).mul(Scale);

    /// <summary>W of Ŵ = W (I + s Φᵀ Ψ): Ŵ − s (Ŵ Φᵀ)(I + s Ψ Φᵀ)⁻¹ Ψ.</summary>
    public Tensor WithoutInputEdit(Tensor merged) => merged - merged.mm(phi.Weight.t()).mm(linalg.inv(Inner())).mm(psi.Weight).mul(Scale);

    /// <summary>W of Ŵ = (I + s Φᵀ Ψ) W, and b of b̂ likewise.</summary>
    public Tensor WithoutOutputEdit(Tensor merged)
    {
        var columns = merged.dim() == 1 ? merged.unsqueeze(1) : merged;
        var restored = columns - phi.Weight.t().mm(linalg.inv(Inner())).mm(psi.Weight.mm(columns)).mul(Scale);
        return merged.dim() == 1 ? restored.squeeze(1) : restored;
    }

    private Tensor Inner() => eye(Rank, dtype: phi.Weight.dtype) + psi.Weight.mm(phi.Weight.t()).mul(Scale);
}

/// <summary>One factor (r, width), stored as <c>….weight</c>.</summary>
internal sealed class WegeftFactor : nn.Module
{
    [ComponentName(Name = "weight")] private readonly Parameter weight;

    public WegeftFactor(int rank, long width, bool isZero) : base(nameof(WegeftFactor))
    {
        weight = new Parameter(zeros(rank, width));
        if (!isZero) nn.init.kaiming_uniform_(weight, a: Math.Sqrt(5));
        RegisterComponents();
    }

    public Parameter Weight => weight;
}

/// <summary>Gives the masks of weight dropout from outside, so that a test can compare with masks that were drawn elsewhere.</summary>
internal static class WegeftDropout
{
    /// <summary>1 where a number of the host's weight is kept (out, in); null draws.</summary>
    public static Func<Adaptable, Tensor?>? Mask { get; set; }
}

/// <summary>Reads the side as one word for all modules, or by module.</summary>
internal sealed class WegeftSides : JsonConverter<IReadOnlyDictionary<string, string>>
{
    public override IReadOnlyDictionary<string, string>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType == JsonTokenType.String
        ? new Dictionary<string, string> { ["*"] = reader.GetString()! }
        : WrongKind.ReadOrRefuse<Dictionary<string, string>>(ref reader, null, "input, output, or an object that holds one of them by name");

    public override void Write(Utf8JsonWriter writer, IReadOnlyDictionary<string, string> value, JsonSerializerOptions options) => JsonSerializer.Serialize(writer, value);
}
