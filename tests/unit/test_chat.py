"""The chat template: one text, one list of token ids, one end token, in training and in evaluation."""

import json

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from selfalign.chat import load_template
from selfalign.errors import UserError
from selfalign.models.fake import EOS, make_fake_model

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer_folder(folder, *, bos=False, trailing=False, eos="</s>", chat_template=None):
    """A byte-level tokenizer with special tokens `<s>`, `</s>` and ChatML's, which adds `<s>` before a text or not."""
    specials = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    symbols = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    bare = Tokenizer(models.BPE(vocab={symbol: i for i, symbol in enumerate(symbols)}, merges=[]))
    bare.add_special_tokens(specials)
    bare.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bare.decoder = decoders.ByteLevel()
    if bos or trailing:
        single = " ".join(["<s>"] * bos + ["$A"] + ["</s>"] * trailing)
        bare.post_processor = processors.TemplateProcessing(single=single, special_tokens=[("<s>", 0), ("</s>", 1)])
    folder.mkdir(exist_ok=True)
    bare.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>"}
    config |= {"eos_token": eos} if eos else {}
    config |= {"chat_template": chat_template} if chat_template else {}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(params=["instruction", "native"])
def kind(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "bos"])
def folder(request, tmp_path):
    return tokenizer_folder(tmp_path / "model", bos=request.param, chat_template=CHATML)


def test_a_completion_ends_in_one_end_token(folder, kind):
    template = load_template(folder, kind)
    for response in ("done", "done" + template.eos, f"\n done {template.eos} more {template.eos}\n"):
        assert template.completion(response) == "done" + template.eos
        ids = template.completion_ids(response)
        assert ids.count(template.eos_id) == 1
        assert ids[-1] == template.eos_id


def test_prompts_have_the_beginning_token_once_or_not_at_all(folder, kind):
    template = load_template(folder, kind)
    adds = template.tokenizer("").input_ids == [0]
    assert not template.prompt("task").startswith("<s>")
    assert template.prompt_ids("task").count(0) == int(adds)


def test_training_and_evaluation_have_the_same_prompt_ids(folder, kind):
    template = load_template(folder, kind)
    trained = template.prompt_ids("add") + template.completion_ids("```python\nx = 1\n```")
    asked = template.prompt_ids("add", prefill="```python\n")
    assert trained[: len(asked)] == asked


def test_the_saved_template_gives_chat_endpoints_the_same_ids(folder, kind):
    template = load_template(folder, kind)
    messages = [{"role": "user", "content": "add"}]
    chat = template.tokenizer.apply_chat_template(
        messages,
        chat_template=template.jinja,
        add_generation_prompt=True,
        tokenize=False,
    )
    ids = template.tokenizer(chat, add_special_tokens=False).input_ids
    if kind == "instruction":
        assert ids == template.prompt_ids("add")
    else:  # the model's own text, whatever it says about the beginning token
        assert ids == template.prompt_ids("add")[-len(ids) :]


def test_a_conversation_is_prompt_and_completion(folder):
    template = load_template(folder, "instruction")
    turns = [{"role": "user", "content": " add "}, {"role": "assistant", "content": "done"}]
    whole = template.tokenizer.apply_chat_template(turns, chat_template=template.jinja, tokenize=False)
    assert whole.removeprefix(template.bos) == template.prompt("add") + template.completion("done")
    again = template.tokenizer.apply_chat_template([*turns, turns[0]], chat_template=template.jinja, tokenize=False)
    assert again == whole + "\n\n### Instruction\nadd\n\n"


def test_a_system_message_replaces_the_sentence_and_other_roles_are_refused(folder):
    template = load_template(folder, "instruction")
    system = {"role": "system", "content": "Be brief."}
    render = template.tokenizer.apply_chat_template
    text = render([system, {"role": "user", "content": "add"}], chat_template=template.jinja, tokenize=False)
    assert text.removeprefix(template.bos).startswith("Be brief.\n\n### Instruction\nadd")
    with pytest.raises(Exception, match="not tool"):
        render([{"role": "tool", "content": "x"}], chat_template=template.jinja, tokenize=False)


def test_the_native_end_token_is_the_template_s_and_text_after_it_is_dropped(folder):
    template = load_template(folder, "native")
    assert template.eos == "<|im_end|>"  # the tokenizer's own eos_token is </s>
    assert template.completion("done") == "done<|im_end|>"


def test_a_native_template_without_end_token_gets_the_tokenizer_s(tmp_path):
    jinja = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    template = load_template(tokenizer_folder(tmp_path / "m", chat_template=jinja), "native")
    assert template.completion("done") == "done</s>"


def test_a_checkpoint_s_native_template_is_the_one_it_was_trained_with(tmp_path):
    make_fake_model(tmp_path)
    template = load_template(tmp_path, "instruction")
    assert template.eos == EOS
    template.tokenizer.chat_template = template.jinja
    template.tokenizer.save_pretrained(tmp_path / "tuned")
    for kind in ("instruction", "native"):
        again = load_template(tmp_path / "tuned", kind)
        assert again.prompt("add", "x") == template.prompt("add", "x")
        assert again.completion_ids("done") == template.completion_ids("done")


def test_an_endpoint_s_model_has_prompts_but_no_completions(tmp_path):
    template = load_template(tmp_path, "instruction")
    assert template.prompt("add", "now").endswith("### Instruction\nadd\n\n### Response\nnow")
    with pytest.raises(UserError, match="no end token"):
        template.completion("done")


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("native", {}, "none of its own"),
        ("instruction", {"eos": None}, "names no end token"),
        ("instruction", {"trailing": True}, "special tokens after a text"),
        ("chatml", {}, "'chatml' is not known"),
        ("native", {"chat_template": "{{ messages | length }} {{ messages[-1]['content'] }}"}, "differently"),
    ],
)
def test_what_cannot_work_is_refused_with_a_way_out(tmp_path, kind, options, message):
    with pytest.raises(UserError, match=message) as caught:
        load_template(tokenizer_folder(tmp_path / "m", **options), kind)
    assert caught.value.fix
    assert str(tmp_path) in caught.value.where
