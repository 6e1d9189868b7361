"""The one chat template of a model: training and evaluation render with it, and it is saved with the checkpoint.

Whoever tokenises a rendered text does so without adding special tokens: those that belong to it are in it.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from selfalign import ROOT
from selfalign.errors import UserError

ANY_INSTRUCTION = "Write a function."  # an answer's rendering does not depend on what it answers
INSTRUCTION_TEMPLATE = ROOT / "prompts" / "chat_template.jinja"


class ChatTemplate:
    """Renders prompts and answers of one model.

    Attributes:
        jinja: the template, as saved in the checkpoint's tokenizer.
        eos: text of the model's end-of-sequence token, which ends every answer.
    """

    def __init__(self, tokenizer: Any, jinja: str, where: str):
        self.tokenizer, self.jinja, self._where = tokenizer, jinja, where
        self.eos: str = tokenizer.eos_token
        if not self.eos:
            raise UserError(
                "the tokenizer has no end-of-sequence token: a tuned model could not stop",
                where=where,
                fix="set eos_token in the model's tokenizer_config.json",
            )

    @cached_property
    def bos(self) -> str:
        """Text of the token that this tokenizer puts before every text; "" when it puts none."""
        ids = self.tokenizer("", add_special_tokens=True)["input_ids"]
        return self.tokenizer.bos_token if ids and ids[0] == self.tokenizer.bos_token_id else ""

    def prompt(self, instruction: str, prefill: str = "") -> str:
        """What the model reads: the instruction, the head of the answer, and a beginning that it is to continue."""
        return self._render(instruction) + prefill

    def completion(self, response: str) -> str:
        """What the model is to write after :meth:`prompt`: the response and its end-of-sequence token, nothing more.

        Raises:
            UserError: the template changes the prompt once an answer follows.
        """
        prompt = self._render(ANY_INSTRUCTION)
        whole = self._render(ANY_INSTRUCTION, response)
        if not whole.startswith(prompt):
            raise UserError(
                "the chat template renders a prompt otherwise when an answer follows: training and use would differ",
                where=self._where,
                fix="use chat_template: instruction for this model",
            )
        answer = whole[len(prompt) :]
        end = answer.rfind(self.eos)
        return (answer[:end] if end >= 0 else answer.rstrip()) + self.eos

    def _render(self, instruction: str, response: str | None = None) -> str:
        messages = [{"role": "user", "content": instruction}]
        if response is not None:
            messages.append({"role": "assistant", "content": response})
        text = self.tokenizer.apply_chat_template(
            messages, chat_template=self.jinja, tokenize=False, add_generation_prompt=response is None
        )
        return text if not self.bos or text.startswith(self.bos) else self.bos + text

    def encode(self, text: str) -> list[int]:
        """Token ids of a rendered text."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


def load_template(folder: str | Path, kind: str) -> ChatTemplate:
    """The template of the model in `folder`.

    Args:
        kind: "instruction" (this project's plain one, for any base model) or "native" (the tokenizer's own).
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if kind == "instruction":
        return ChatTemplate(tokenizer, INSTRUCTION_TEMPLATE.read_text(encoding="utf-8"), str(INSTRUCTION_TEMPLATE))
    if not tokenizer.chat_template:
        raise UserError(
            "the tokenizer brings no chat template",
            where=str(folder),
            fix="set chat_template: instruction for this model",
        )
    return ChatTemplate(tokenizer, tokenizer.chat_template, str(folder))
