namespace MicroWorld;

/// <summary>The words of the world that are lists: each begins with a consonant and forms its plural with s.</summary>
public static class Words
{
    /// <summary>Things to buy, lose and find.</summary>
    public static IReadOnlyList<string> Items { get; } =
    [
        "lamp", "cup", "chair", "table", "book", "coat", "hat", "kettle", "basket", "clock", "mirror", "rug", "vase", "bowl", "drum", "kite", "ladder", "bell",
        "candle", "desk", "doll", "flag", "guitar", "hammer", "jar", "map", "pan", "pen", "pillow", "plate", "ring", "rope", "shirt", "spoon", "stool", "tent",
        "tray", "wagon", "wallet", "wheel",
    ];

    /// <summary>Colours.</summary>
    public static IReadOnlyList<string> Colours { get; } =
        ["red", "green", "blue", "yellow", "white", "black", "brown", "grey", "pink", "purple", "silver", "golden"];

    /// <summary>Places within a town.</summary>
    public static IReadOnlyList<string> Places { get; } = ["market", "harbour", "school", "garden", "bridge", "mill", "station", "library", "park", "tower"];

    /// <summary>How somebody feels.</summary>
    public static IReadOnlyList<string> Feelings { get; } = ["happy", "sad", "tired", "proud", "calm", "glad", "worried", "surprised"];

    /// <summary>Weather.</summary>
    public static IReadOnlyList<string> Weather { get; } = ["sunny", "rainy", "cold", "warm", "windy", "foggy"];
}
