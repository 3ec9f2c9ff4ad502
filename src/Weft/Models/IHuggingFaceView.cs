using System.Text.Json.Nodes;

namespace Weft.Models;

/// <summary>Marks a checkpoint of a foreign container that also describes its model, as config.json does.</summary>
internal interface IHuggingFaceView
{
    /// <summary>The config.json that the file's metadata amounts to.</summary>
    JsonObject Config { get; }
}
