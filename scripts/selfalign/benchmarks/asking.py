"""How a stub, or a docstring with a test, is asked for, and what program comes of the answer."""

import re
from pathlib import Path

from selfalign.fewshots import PROMPTS, render
from selfalign.stages.parsing import code_blocks


def stub_wording(prompts: Path = PROMPTS) -> str:
    """The template of :func:`stub_message`."""
    return (prompts / "completions.jinja").read_text(encoding="utf-8")


def stub_message(problem: dict, prompts: Path = PROMPTS) -> str:
    """What the user's turn says: a stub to complete, or the task and the test that a docstring holds."""
    prompt = problem["prompt"].strip("\n")
    docstring = re.fullmatch(r'\s*"""(.*)"""\s*', prompt, re.DOTALL)
    if not docstring:
        return render("completions", "stub", prompts, prompt=prompt)
    lines = docstring[1].strip().splitlines()
    tests = [line for line in lines if line.startswith("assert")]
    task = " ".join(line.strip() for line in lines if not line.startswith("assert"))
    return render("completions", "docstring", prompts, task=task, tests="\n".join(tests))


def python_blocks(answer: str) -> list[str]:
    """The code of an answer's Python blocks, closed or cut off."""
    return [block.code for block in code_blocks(answer) if block.python]


def last_python_block(answer: str) -> str:
    """The last Python block of an answer, closed or cut off; the whole answer where there is none."""
    return next(reversed(python_blocks(answer)), answer)


def last_defining(pattern: str, answer: str) -> str:
    """The last Python block with a line that matches, else the longest one; the whole answer where there is none."""
    blocks = python_blocks(answer)
    defining = [code for code in blocks if re.search(pattern, code, re.MULTILINE)]
    return defining[-1] if defining else max(blocks, key=len, default=answer)


def code_of(problem: dict, answer: str) -> str:
    """The program in a chat model's answer: the last Python block that defines the entry point, else the longest one, be
    it closed or cut off; the whole answer where there is no block."""
    blocks = python_blocks(answer)
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
