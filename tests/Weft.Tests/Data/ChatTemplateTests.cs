using System.Text.Json;
using Weft.Data;

namespace Weft.Tests.Data;

public sealed class ChatTemplateTests
{
    [Fact]
    public void Chatml_conversations_are_written_and_masked_as_the_reference_does()
    {
        var template = ChatTemplate.Find(File.ReadAllText(SharedData.Path("golden", "text", "chat_templates", "templates", "chatml.jinja")));
        var sets = JsonDocument.Parse(File.ReadAllText(SharedData.Path("golden", "text", "chat_templates", "messages.json"))).RootElement.GetProperty("sets");
        var tokenizer = WithControlTokens();
        var (compared, masked) = (0, 0);
        foreach (var row in GoldenRows.Read("chat_templates", "rendered.jsonl.gz").Where(r => r.Text("template") == "chatml" && !r.Has("error") && r.Text("mode") != "continue"))
        {
            var set = sets.GetProperty(row.Text("messages_name")).EnumerateArray().ToList();
            if (!set.All(m => m.Has("content") && m.GetProperty("content").ValueKind == JsonValueKind.String)) continue;
            var conversation = template.Write([.. set.Select(m => new ChatMessage(m.Text("role"), m.Text("content")))], row.Text("mode") == "prompt");
            Assert.Equal(row.Text("text"), conversation.Text);
            compared++;
            if (!row.Has("assistant_mask")) continue;
            Assert.Equal(row.Spans("assistant_spans"), conversation.Assistant.Select(s => (Points(conversation.Text, s.Start), Points(conversation.Text, s.End))));
            var (ids, labels) = conversation.Encode(tokenizer);
            Assert.Equal(row.Ints(row.Has("sanitized_ids") ? "sanitized_ids" : "ids"), ids);
            if (!row.Has("sanitized_ids")) Assert.Equal(row.Ints("assistant_mask"), labels.Select(l => l == Example.Unsupervised ? 0 : 1));
            masked++;
        }
        Assert.InRange(compared, 90, 1000);
        Assert.InRange(masked, 30, 500);
    }

    [Fact]
    public void The_prompts_of_smollm2_are_those_of_its_template()
    {
        var template = ChatTemplate.Find(File.ReadAllText(SharedData.Path("assets", "smollm2-135m", "chat_template.jinja")));
        var tokenizer = Tokenizer.Load(SharedData.Path("assets", "smollm2-135m"));
        Assert.Equal(template.Name, ChatTemplate.Find(tokenizer.ChatTemplate!).Name);
        var prompts = JsonDocument.Parse(File.ReadAllText(SharedData.Path("golden", "smollm2", "generate", "case.json"))).RootElement.GetProperty("prompts").EnumerateArray().Select(p => p.GetString()!).ToList();
        foreach (var prompt in prompts)
        {
            var question = prompt.Split("<|im_start|>user\n")[1].Split("<|im_end|>")[0];
            var conversation = template.Write([new("user", question)], addGenerationPrompt: true);
            Assert.Equal(prompt, conversation.Text);
            Assert.Equal(tokenizer.Encode(prompt), conversation.Encode(tokenizer).Ids);
        }
        Assert.Equal((1, 2, 2, 0), (tokenizer.BosId!.Value, tokenizer.EosId!.Value, tokenizer.PadId!.Value, tokenizer.UnkId!.Value));
        Assert.Equal([2], tokenizer.EndIds);
    }

    [Theory]
    [InlineData("""{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""", "<|im_start|>user\nhi<|im_end|>\n")]
    [InlineData("""{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""", "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n")]
    [InlineData("chatml", "<|im_start|>user\nhi<|im_end|>\n")]
    public void Chatml_is_recognised_in_its_usual_forms(string template, string written) =>
        Assert.Equal(written, ChatTemplate.Find(template).Render([new("user", "hi")], addGenerationPrompt: false));

    // Jinja 3.1 with trim_blocks and lstrip_blocks, as transformers sets them, writes the same.
    [Theory]
    [InlineData("""{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""", "", "<|im_start|>assistant\n")]
    [InlineData("""{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}""", "", "")]
    [InlineData("{%- for message in messages -%}\n    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' -}}\n{%- endfor -%}\n{%- if add_generation_prompt -%}\n  {{- '<|im_start|>assistant\\n' -}}\n{%- endif -%}\n", "", "<|im_start|>assistant\n")]
    [InlineData("""{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nDon\'t lie.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""", "<|im_start|>system\nDon't lie.<|im_end|>\n", "<|im_start|>assistant\n")]
    public void Chatml_is_recognised_in_further_forms(string template, string system, string head) =>
        Assert.Equal($"{system}<|im_start|>user\nhi<|im_end|>\n{head}", ChatTemplate.Find(template).Render([new("user", "hi")], addGenerationPrompt: true));

    [Theory]
    [InlineData("""{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nA\\nB<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}""")]
    [InlineData("{% for message in messages %} {{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}")]
    public void What_might_be_written_otherwise_is_refused(string template) => Assert.Throws<NotSupportedException>(() => ChatTemplate.Find(template));

    [Fact]
    public void Another_template_is_refused_by_its_first_line()
    {
        var error = Assert.Throws<NotSupportedException>(() => ChatTemplate.Find("{{ bos_token }}{% for m in messages %}\n[INST]"));
        Assert.Equal("The chat template that begins \"{{ bos_token }}{% for m in messages %}\" is not known. Known: ChatML in its usual forms (with or without a default system message); "
            + "name one (chat_template: chatml) if the model was trained with it, or use prompt and completion instead of messages.", error.Message);
    }

    [Fact]
    public void Every_other_golden_template_is_refused_never_rendered_wrongly()
    {
        foreach (var file in Directory.EnumerateFiles(SharedData.Path("golden", "text", "chat_templates", "templates")).Where(f => Path.GetFileName(f) != "chatml.jinja"))
            Assert.Throws<NotSupportedException>(() => ChatTemplate.Find(File.ReadAllText(file)));
    }

    [Fact]
    public void An_empty_conversation_is_refused() => Assert.Throws<ArgumentException>(() => ChatTemplate.ChatMl.Render([], false));

    private static int Points(string text, int unit) => text[..unit].EnumerateRunes().Count();

    // The reference encoded with GPT-2's vocabulary and the three special tokens that case.json names.
    private static Tokenizer WithControlTokens()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        var json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllBytes(SharedData.Path(GoldenRows.TokenizerFiles["gpt2"])))!;
        var id = 50257;
        foreach (var token in new[] { "<s>", "</s>", "<pad>" })
            json["added_tokens"]!.AsArray().Add((System.Text.Json.Nodes.JsonNode)new System.Text.Json.Nodes.JsonObject { ["id"] = id++, ["content"] = token, ["special"] = true, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false });
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json.ToJsonString());
        var tokenizer = Tokenizer.Load(folder);
        Directory.Delete(folder, recursive: true);
        return tokenizer;
    }
}
