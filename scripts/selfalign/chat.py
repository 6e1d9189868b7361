"""One chat template for training and evaluation: what the model is trained on is what it is asked with.

Two kinds: `instruction` is the project's own plain template (`prompts/chat_template.jinja`), which works for any base
model; `native` is the tokenizer's own (ChatML and the like). Both end a response in exactly one end token.

How text becomes tokens, here and in the engines alike: a prompt is tokenised with the tokenizer's default special tokens
(`add_special_tokens=True`, what vLLM and completion endpoints do), so :meth:`ChatTemplate.prompt` never contains the
beginning-of-sequence text that the tokenizer adds by itself. A completion is tokenised on its own, without special
tokens, and appended. So the ids of an evaluation prompt are the ids of the training prompt, whatever follows. The saved
Jinja text does contain the beginning token where the tokenizer adds one: chat endpoints render it and then tokenise
without special tokens.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from selfalign import ROOT
from selfalign.errors import UserError

TEMPLATE_FILE = ROOT / "prompts" / "chat_template.jinja"
KINDS = ("instruction", "native")

# Content to find again in a rendered conversation: plain words, so that no template changes it.
PROBE_INSTRUCTION, PROBE_RESPONSE = "probe of the instruction", "probe of the response"


@dataclass(frozen=True)
class ChatTemplate:
    """A template bound to a tokenizer.

    Attributes:
        jinja: the template in Jinja, as it is saved with a checkpoint.
        eos: text of the token that ends a response ("" when there is no tokenizer: see :func:`load_template`).
        tokenizer: the transformers tokenizer, or None.
        bos: text that the tokenizer puts before a prompt by itself, or "".
        source: the folder, for messages.
    """

    jinja: str
    eos: str
    tokenizer: Any = field(default=None, repr=False)
    bos: str = ""
    source: str = ""

    def prompt(self, instruction: str, prefill: str = "") -> str:
        """The text to complete: everything up to the response, then `prefill`, the part of the response that is given.

        Surrounding white space of the instruction is dropped.
        """
        messages = [{"role": "user", "content": instruction.strip()}]
        rendered = _render(self.jinja, messages, True, self.tokenizer, self.eos)
        return rendered.removeprefix(self.bos) + prefill

    def completion(self, response: str) -> str:
        """The response as it is trained on: without surrounding white space (a leading newline could merge with the
        prompt's last token) and with the end token, once, as its last thing. Text after an end token that is already
        in the response is dropped, as generation would have ended there."""
        if not self.eos:
            raise UserError(
                "there is no end token to close a response with: the model has no tokenizer",
                where=self.source,
                fix="train a model with weights; models behind an endpoint can only generate",
            )
        return response.split(self.eos, 1)[0].strip() + self.eos

    def prompt_ids(self, instruction: str, prefill: str = "") -> list[int]:
        """Token ids of :meth:`prompt`, as an engine makes them from the text."""
        return list(self.tokenizer(self.prompt(instruction, prefill)).input_ids)

    def completion_ids(self, response: str) -> list[int]:
        """Token ids of :meth:`completion`; the last, and no other, is the end token."""
        return list(self.tokenizer(self.completion(response), add_special_tokens=False).input_ids)

    @cached_property
    def eos_id(self) -> int:
        """Id of the end token."""
        return self.tokenizer.convert_tokens_to_ids(self.eos)


def load_template(folder: str | Path, kind: str) -> ChatTemplate:
    """The template of `kind` for the model in `folder`.

    A folder without tokenizer files (a model behind an endpoint) can have the `instruction` template, to make prompts
    with; its `eos` is "".

    Raises:
        UserError: unknown kind, no template or no end token where one is needed, a template that renders a prompt
            differently when a response follows.
    """
    if kind not in KINDS:
        raise UserError(
            f"chat template {kind!r} is not known",
            where=str(folder),
            fix=f"set the model's chat_template to one of: {', '.join(KINDS)}",
        )
    tokenizer = load_tokenizer(folder)
    if kind == "instruction":
        return _instruction_template(tokenizer, str(folder))
    return _native_template(tokenizer, str(folder))


def load_tokenizer(folder: str | Path) -> Any:
    """The folder's transformers tokenizer, or None when it has no tokenizer files."""
    folder = Path(folder)
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")):
        return None
    from transformers import AutoTokenizer  # takes seconds, which prompt-only users of this module need not spend

    return AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def _instruction_template(tokenizer: Any, source: str) -> ChatTemplate:
    jinja = TEMPLATE_FILE.read_text(encoding="utf-8").rstrip("\n")
    if tokenizer is None:
        return ChatTemplate(jinja=jinja, eos="", source=source)
    if not tokenizer.eos_token:
        raise UserError(
            "the tokenizer names no end token, so a tuned model would never stop",
            where=f"{source}/tokenizer_config.json, key eos_token",
            fix="use a model whose tokenizer has an eos_token, or add one to that file",
        )
    bos = _added_bos(tokenizer, source)
    return ChatTemplate(("{{- bos_token -}}" if bos else "") + jinja, tokenizer.eos_token, tokenizer, bos, source)


def _native_template(tokenizer: Any, source: str) -> ChatTemplate:
    if tokenizer is None or not tokenizer.chat_template:
        raise UserError(
            "chat_template is native, but the model has none of its own",
            where=source,
            fix="set the model's chat_template to instruction",
        )
    jinja = tokenizer.chat_template
    if isinstance(jinja, dict):  # some tokenizers carry several templates by name
        jinja = jinja.get("default") or next(iter(jinja.values()))
    eos = _native_eos(jinja, tokenizer, source)
    return ChatTemplate(jinja, eos, tokenizer, _added_bos(tokenizer, source), source)


def _native_eos(jinja: str, tokenizer: Any, source: str) -> str:
    """The token that closes a response in this template: not always the tokenizer's `eos_token` (a base model may name
    its document separator there), and trained and stopped at all the same."""
    user = {"role": "user", "content": PROBE_INSTRUCTION}
    prompt = _render(jinja, [user], True, tokenizer)
    whole = _render(jinja, [user, {"role": "assistant", "content": PROBE_RESPONSE}], False, tokenizer)
    if not whole.startswith(prompt + PROBE_RESPONSE):
        raise UserError(
            "the model's own chat template renders a prompt differently when a response follows",
            where=source,
            fix="set the model's chat_template to instruction",
        )
    tail = whole[len(prompt + PROBE_RESPONSE) :].strip()
    specials = {token.content for token in tokenizer.added_tokens_decoder.values()}
    starting = [token for token in specials if token and tail.startswith(token)]
    eos = max(starting, key=len, default=tokenizer.eos_token or "")
    if not eos:
        raise UserError(
            "the model's own chat template ends a response with no end token",
            where=source,
            fix="set the model's chat_template to instruction, or name an eos_token in tokenizer_config.json",
        )
    return eos


def _added_bos(tokenizer: Any, source: str) -> str:
    """Text of what the tokenizer puts before every prompt by itself ("" or its beginning token)."""
    plain = list(tokenizer("a", add_special_tokens=False).input_ids)
    whole = list(tokenizer("a").input_ids)
    added = len(whole) - len(plain)
    if whole[added:] != plain:
        raise UserError(
            "the tokenizer puts special tokens after a text, so no prompt can be completed",
            where=f"{source}/tokenizer_config.json",
            fix="set add_eos_token to false there",
        )
    return tokenizer.decode(whole[:added]) if added else ""


def _render(jinja: str, messages: list[dict], add_generation_prompt: bool, tokenizer: Any, eos: str = "") -> str:
    """Renders with transformers' own sandboxed Jinja environment, the one that chat endpoints use."""
    from transformers.utils.chat_template_utils import render_jinja_template

    names = dict(tokenizer.special_tokens_map) if tokenizer is not None else {}
    names = {name: token for name, token in names.items() if isinstance(token, str)}
    names["eos_token"] = eos or names.get("eos_token", "")
    texts, _ = render_jinja_template(
        [messages], chat_template=jinja, add_generation_prompt=add_generation_prompt, **names
    )
    return texts[0]
