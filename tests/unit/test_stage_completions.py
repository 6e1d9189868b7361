"""Benchmark completions: what is asked, what program comes of an answer, and that no problem is dropped."""

import pytest

from selfalign.backends import PROMPT_TOO_LONG, Completion
from selfalign.benchmarks.asking import code_of, stub_message, whole_solution
from selfalign.stages import completions
from selfalign.stages.completions import Completions

STUB = 'from typing import List\n\n\ndef helper(x):\n    return x\n\n\ndef total(a: List[int]) -> int:\n    """ Sum.\n    >>> total([1])\n    1\n    """\n'
HUMANEVAL = {
    "benchmark": "humaneval",
    "kind": "humaneval",
    "task_id": "HumanEval/0",
    "prompt": STUB,
    "entry_point": "total",
}
MBPP = {
    "benchmark": "mbpp-plus",
    "kind": "mbpp-plus",
    "task_id": "Mbpp/2",
    "prompt": '"""\nWrite a function to find the shared elements.\nassert shared((1,), (1,)) == (1,)\n"""\n',
    "entry_point": "shared",
}


class Template:
    eos = "</s>"

    def prompt(self, text: str, prefill: str = "") -> str:
        return f"<user>{text}<assistant>{prefill}"


@pytest.fixture
def stage(monkeypatch):
    monkeypatch.setattr(completions, "load_template", lambda folder, kind: Template())
    return Completions({"samples": 2}, {"chat_template": "native"}, "folder")


def test_the_answer_is_begun_with_an_open_fence_and_ends_at_the_closing_one(stage):
    prompt = stage.prompt(HUMANEVAL)
    assert prompt.text.endswith("<assistant>```python\n")
    assert prompt.stop == ("\n```",)
    assert stage.samples == 2


def test_a_stub_is_shown_in_a_fence_and_a_docstring_as_a_task_with_its_test():
    assert f"```python\n{STUB.strip()}\n```" in stub_message(HUMANEVAL)
    text = stub_message(MBPP)
    assert text.startswith("Write a function to find the shared elements. ")
    assert text.endswith("```python\nassert shared((1,), (1,)) == (1,)\n```")
    assert '"""' not in text


@pytest.mark.parametrize(
    ("answer", "program"),
    [
        ("def total(a):\n    return sum(a)\n", STUB[: STUB.index("def total")] + "def total(a):\n    return sum(a)\n"),
        (
            "import math\ndef total(a):\n    return 0",
            STUB[: STUB.index("def total")] + "import math\ndef total(a):\n    return 0",
        ),
        ("    return sum(a)\n", STUB + "    return sum(a)\n"),
        ("\n    n = 0\n    return n", STUB + "\n    n = 0\n    return n"),
        ("total = sum", STUB[: STUB.index("def total")] + "total = sum"),
        ("I can't do that", STUB[: STUB.index("def total")] + "I can't do that"),
        ("", STUB[: STUB.index("def total")]),
    ],
)
def test_what_the_stub_gives_is_put_before_the_answer(answer, program):
    assert whole_solution(HUMANEVAL, answer) == program


def test_a_task_without_a_stub_is_answered_by_the_code_alone():
    assert whole_solution(MBPP, "def shared(a, b):\n    return a") == "def shared(a, b):\n    return a"


@pytest.mark.parametrize(
    ("finish", "text", "truncated"), [("stop", "x = 1", False), ("length", "x = (", True), ("stop", "", False)]
)
def test_every_answer_is_kept(stage, finish, text, truncated):
    row = stage.parse(MBPP, 1, Completion(text, finish, 10, 0, 5))
    assert (row["solution"], row["text"], row["truncated"], row["sample"]) == (text, text, truncated, 1)
    assert (row["benchmark"], row["task_id"], row["finish_reason"]) == ("mbpp-plus", "Mbpp/2", finish)


def test_a_problem_beyond_the_window_is_an_empty_program_not_a_missing_row(stage):
    row = stage.parse(HUMANEVAL, 0, Completion("", PROMPT_TOO_LONG, 9000))
    assert (row["solution"], row["finish_reason"]) == ("", PROMPT_TOO_LONG)


def test_lone_surrogates_become_writable(stage):
    row = stage.parse(MBPP, 0, Completion("x = '\udc80'", "stop"))
    assert row["solution"].encode("utf-8") == b"x = '?'"


@pytest.mark.parametrize(
    ("answer", "program"),
    [
        ("Sure:\n```python\ndef total(a):\n    return 1\n```\nUse:\n```python\nprint(total([1, 2, 3, 4, 5, 6]))\n```", "def total(a):\n    return 1"),
        ("```python\ndef total(a):\n    return 0\n```\nBetter:\n```\ndef total(a):\n    return 1\n```", "def total(a):\n    return 1"),
        ("```python\ndef total(a):\n    return 1", "def total(a):\n    return 1"),
        ("```bash\npip install x\n```\n```python\nx = 1\n```", "x = 1"),
        ("def total(a):\n    return 1", "def total(a):\n    return 1"),
    ],
)  # fmt: skip
def test_a_chat_server_is_sent_the_message_alone_and_its_program_is_found(answer, program):
    assert code_of(HUMANEVAL, answer) == program
    stage = Completions({"samples": 1}, {"chat_template": "native", "endpoint": {"api": "chat"}}, "folder")
    prompt = stage.prompt(HUMANEVAL)
    assert prompt.text == stub_message(HUMANEVAL) and prompt.stop == ()
    row = stage.parse(HUMANEVAL, 0, Completion(answer, "stop", 1, 0, 1))
    assert row["solution"].endswith(program) and row["text"] == answer
