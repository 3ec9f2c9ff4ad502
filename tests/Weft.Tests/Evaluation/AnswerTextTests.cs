using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Weft.Evaluation;

namespace Weft.Tests.Evaluation;

/// <summary>Text that comes in id by id.</summary>
public sealed class AnswerTextTests
{
    [Theory]
    [InlineData("Hello, wo", "rld!", "Hello", ", ", "wor", "ld! More")] // across two tokens
    [InlineData("", "a", "ab")]                                         // at once
    [InlineData("xyyx", "yyz", "xy", "yx", "yyzq")]                     // a false start before it
    public void A_stop_string_is_found_across_tokens_and_cut_off(string expected, string stop, params string[] pieces)
    {
        var text = new AnswerText(Joined(["", .. pieces]), [0], [stop, "never"]);
        var given = "";
        for (var i = 1; i <= pieces.Length; i++)
        {
            var ended = text.Append(i);
            given += text.Take(all: ended);
            Assert.DoesNotContain(stop, given, StringComparison.Ordinal);
            if (!ended) continue;
            Assert.Equal(pieces.Length, i);
            Assert.Equal(expected, text.ToString());
            Assert.Equal(expected, given);
            return;
        }
        Assert.Fail("the stop string was not found");
    }

    [Fact]
    public void A_stop_string_may_begin_in_the_prompt_but_must_touch_the_answer()
    {
        var text = new AnswerText(Joined(["once END upon E", "ND", "x"]), [0], ["END"]);
        Assert.True(text.Append(1));
        Assert.Equal("", text.ToString());
        Assert.False(new AnswerText(Joined(["once END", " upon"]), [0], ["END"]).Append(1));
    }

    [Fact]
    public void What_may_begin_a_stop_string_is_held_back_until_it_is_certain()
    {
        var text = new AnswerText(Joined(["", "ab<|", "end", "ing"]), [0], ["<|end|>"]);
        Assert.False(text.Append(1));
        Assert.Equal("ab", text.Take(all: false));
        Assert.False(text.Append(2));
        Assert.Equal("", text.Take(all: false));
        Assert.False(text.Append(3));
        Assert.Equal("<|ending", text.Take(all: false));
    }

    [Fact]
    public void Half_a_character_is_never_given_and_one_cut_off_is_given_at_the_end()
    {
        var bytes = Encoding.UTF8.GetBytes("é€");
        var text = new AnswerText(ids => Encoding.UTF8.GetString([.. ids.Select(id => (byte)id)]), ['a'], []);
        var given = new List<string>();
        foreach (var b in bytes[..4])
        {
            text.Append(b);
            given.Add(text.Take(all: false));
        }
        Assert.Equal(["", "é", "", ""], given);
        text.Flush();
        Assert.Equal("\uFFFD", text.Take(all: true));
    }

    [Fact]
    public void Any_text_in_any_tokens_is_put_together_again() => Check.QuickThrowOnFailure(Prop.ForAll(
        Gen.Elements("a", "ab", "é", "€", "😀", "\uFFFDx", " ", "", "\n").ArrayOf().ToArbitrary(), pieces =>
        {
            var bytes = Encoding.UTF8.GetBytes("p" + string.Concat(pieces));
            string Decode(IReadOnlyList<int> ids) => Encoding.UTF8.GetString([.. ids.Select(id => (byte)id)]);
            var text = new AnswerText(Decode, [bytes[0]], ["zzz", "abab\n"]);
            var given = "";
            foreach (var b in bytes[1..])
            {
                if (text.Append(b)) return given + text.Take(all: true) == string.Concat(pieces).Split("abab\n")[0];
                given += text.Take(all: false);
            }
            text.Flush();
            return given + text.Take(all: true) == string.Concat(pieces);
        }));

    private static Func<IReadOnlyList<int>, string> Joined(string[] pieces) => ids => string.Concat(ids.Select(id => pieces[id]));
}
