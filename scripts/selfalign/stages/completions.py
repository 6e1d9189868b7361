"""Benchmark problems to completions, asked in the chat template that the model was or will be trained in.

The answer is begun for the model with an open code fence, so that base models and tuned ones are asked the same thing.
A chat server can't go on with an answer: it is sent the message alone, and the program is looked for in what it says.
A problem is never dropped: a truncated answer is scored as it is, one that could not be asked counts as failed.
"""

import re
from pathlib import Path

from selfalign.backends import PROMPT_TOO_LONG, Completion
from selfalign.chat import load_template
from selfalign.fewshots import PROMPTS, render
from selfalign.rows import digest, row_id
from selfalign.stages import Prompt
from selfalign.stages.parsing import FENCE, code_blocks

PREFILL = f"{FENCE}python\n"


class Completions:
    """See :class:`selfalign.stages.Stage`; `folder` is the model's, for its tokenizer and chat template."""

    name = role = "completions"
    made_by = "generated"

    def __init__(self, settings: dict, model: dict, folder: str, prompts: Path = PROMPTS):
        self._prompts = prompts
        self.samples: int = settings["samples"]
        source = (prompts / "completions.jinja").read_text(encoding="utf-8")
        self._chat = (model.get("endpoint") or {}).get("api") == "chat"
        if self._chat:
            self._prompt_id = f"completions/chat/{digest(source)[:12]}"
            return
        self._template = load_template(folder, model["chat_template"])
        self._prompt_id = f"completions/{digest(source, self._template.prompt('', PREFILL))[:12]}"

    def select(self, rows: list[dict]) -> list[dict]:
        return rows

    def group(self, row: dict) -> int:
        return 0

    def prompt(self, row: dict) -> Prompt:
        if self._chat:
            return Prompt(instruction(row, self._prompts), "", 0, self._prompt_id, ())
        text = self._template.prompt(instruction(row, self._prompts), PREFILL)
        return Prompt(text, "", 0, self._prompt_id, (f"\n{FENCE}",))

    def seed_id(self, row: dict) -> str:
        return row_id("problem", row["benchmark"], row["task_id"])

    def parse(self, row: dict, sample: int, completion: Completion) -> dict:
        # A lone surrogate can't be written to a program's file; the replacement mark fails just as surely.
        text = completion.text.encode("utf-8", "replace").decode("utf-8")
        return {
            "id": row_id("completion", self.seed_id(row), sample, text),
            "benchmark": row["benchmark"],
            "task_id": row["task_id"],
            "sample": sample,
            "solution": ""
            if completion.finish_reason == PROMPT_TOO_LONG
            else whole_solution(row, code_of(row, text) if self._chat else text),
            "text": text,
            "finish_reason": completion.finish_reason,
            "truncated": completion.finish_reason == "length",
            "prompt_tokens": completion.prompt_tokens,
            "output_tokens": completion.output_tokens,
        }


def instruction(problem: dict, prompts: Path = PROMPTS) -> str:
    """What the user's turn says: a stub to complete, or the task and the test that a docstring holds."""
    prompt = problem["prompt"].strip("\n")
    docstring = re.fullmatch(r'\s*"""(.*)"""\s*', prompt, re.DOTALL)
    if not docstring:
        return render("completions", "stub", prompts, prompt=prompt)
    lines = docstring[1].strip().splitlines()
    tests = [line for line in lines if line.startswith("assert")]
    task = " ".join(line.strip() for line in lines if not line.startswith("assert"))
    return render("completions", "docstring", prompts, task=task, tests="\n".join(tests))


def code_of(problem: dict, answer: str) -> str:
    """The program in a chat model's answer: the last Python block that defines the entry point, else the longest one, be
    it closed or cut off; the whole answer where there is no block."""
    blocks = [block.code for block in code_blocks(answer) if block.python]
    named = [code for code in blocks if re.search(rf"\b{re.escape(problem['entry_point'])}\b\s*[(=]", code)]
    defining = [code for code in named if re.search(rf"def\s+{re.escape(problem['entry_point'])}\b", code)]
    if defining:
        return defining[-1]
    return max(named or blocks, key=len, default=answer)


def whole_solution(problem: dict, answer: str) -> str:
    """The program of an answer, with what it takes from the problem's stub put before it.

    An answer that defines the entry point gets what stands above that definition in the stub (imports, helpers); one
    that goes on where the stub ends gets the whole stub.
    """
    stub, entry = problem["prompt"], problem["entry_point"]
    definition = re.compile(rf"^(?:async\s+)?def\s+{re.escape(entry)}\b|^{re.escape(entry)}\s*=", re.MULTILINE)
    above = definition.search(stub)
    if not above:
        return answer
    if not definition.search(answer) and re.match(r"(?:[ \t]*\n)*[ \t]+\S", answer):
        return stub.rstrip("\n") + "\n" + answer
    return stub[: above.start()] + answer
