using Spectre.Console;
using Weft.Data;

namespace Weft.Cli.Finetuning;

/// <summary>Shows a row decoded, with what is learned of it marked.</summary>
internal static class LabelledExample
{
    private const int Shown = 1500;

    /// <summary>Shows it: colour on a terminal, « » elsewhere.</summary>
    public static void Show(Screen screen, Example example, Tokenizer tokenizer)
    {
        var left = Shown;
        if (!screen.HasColour || screen.IsJson) (screen.IsJson ? screen.Error : screen.Output).Write("  ");
        foreach (var (text, isLearned) in example.Show(tokenizer))
        {
            var shown = text.Length > left ? text[..left] + "…" : text;
            if (screen.HasColour && !screen.IsJson) screen.Console.Write(new Text(shown, isLearned ? new Style(Color.Green, decoration: Decoration.Bold) : Style.Plain));
            else (screen.IsJson ? screen.Error : screen.Output).Write((isLearned ? $"«{shown}»" : shown).Replace("\n", "\n  ", StringComparison.Ordinal));
            if ((left -= text.Length) <= 0) break;
        }
        screen.Say();
    }
}
