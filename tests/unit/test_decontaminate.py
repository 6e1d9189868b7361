"""Decontamination: what counts as overlap with a benchmark, and what is exempt."""

import json

import pytest

from selfalign.decontaminate import COMMON_TASKS, Contamination
from selfalign.errors import UserError
from selfalign.normalise import functions, python_trees, skeleton

PROMPT = '''from typing import List


def weave(left: List[int], right: List[int]) -> List[int]:
    """ Interleave the numbers of both lists, beginning with the first of the left list,
    until the shorter one is used up.
    >>> weave([1, 3], [2, 4])
    [1, 2, 3, 4]
    """
'''
SOLUTION = """    woven = []
    for a, b in zip(left, right):
        woven.append(a)
        woven.append(b)
    return woven
"""
TASK = {
    "benchmark": "weaving",
    "task_id": "W/0",
    "prompt": PROMPT,
    "canonical_solution": SOLUTION,
    "entry_point": "weave",
}


@pytest.fixture
def index() -> Contamination:
    found = Contamination(10)
    found.add(TASK)
    short = {"benchmark": "short", "task_id": "S/1", "prompt": '"""\nWrite a function to sort words.\n"""\n'}
    found.add(
        {**short, "canonical_solution": "def add(a, b):\n    return a + b\n", "decontaminate": ["reverse each word"]}
    )
    return found


def test_a_task_finds_itself(index):
    hit = index.find(PROMPT + SOLUTION)
    assert (hit.benchmark, hit.task_id, hit.kind) == ("weaving", "W/0", "ngram")


def test_prose_with_the_same_words_is_found(index):
    text = "Please INTERLEAVE the numbers of both lists -- beginning with the first, and so on."
    assert index.find(text).matched == "interleave the numbers of both lists beginning with the first"


def test_nine_words_in_common_are_no_overlap(index):
    assert index.find("interleave the numbers of both lists beginning with the last") is None


def test_a_renamed_solution_is_found_by_its_structure(index):
    text = (
        "def mix(p, q):\n    # another comment\n    'Mixes.'\n    out = []\n"
        "    for x, y in zip(p, q):\n        out.append(x); out.append(y)\n    return out\n"
    )
    assert index.find(text).kind == "function"
    assert index.find("Here it is:\n```python\n" + text + "```\nDone.").kind == "function"
    assert index.find(text.replace("out.append(y)", "out.append(x)")) is None


def test_a_short_text_must_be_the_whole(index):
    assert index.find("Write a function to sort words!").kind == "text"
    assert index.find("Write a function to sort words by their length.") is None
    assert index.find('def f(x):\n    """Write a function to sort words.\n\n    >>> f(1)\n    """\n').kind == "text"


def test_generic_texts_are_exempt(index):
    assert index.find("def plus(x, y):\n    return x + y\n") is None  # too small a solution
    assert index.find("reverse each word") is None  # too short a text
    found = Contamination(10)
    numbers = {"benchmark": "b", "task_id": "0", "prompt": "check 1 2 3 4 5 6 7 8 9 10 11 12 a b c d e f g h i j k"}
    found.add(numbers)
    assert found.find("2 3 4 5 6 7 8 9 10 11 12 a b c d e f g h i j k") is None


def test_a_benchmarks_boilerplate_is_exempt():
    boilerplate = "given the following list of numbers please return the largest value"
    few, many = Contamination(10), Contamination(10)
    for number in range(COMMON_TASKS):
        row = {"benchmark": "b", "task_id": str(number), "prompt": boilerplate + f" of kind {number}"}
        many.add(row)
        if number:
            few.add(row)
    assert few.find(boilerplate).task_id == "1"
    assert many.find(boilerplate) is None


def test_every_benchmark_is_counted(index):
    index.add({**TASK, "benchmark": "weaving-plus"})
    assert [hit.benchmark for hit in index.find_all(PROMPT)] == ["weaving", "weaving-plus"]


def test_files_that_would_protect_nothing_are_refused(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(UserError, match="holds no task"):
        Contamination.from_files([tmp_path / "empty.jsonl"], 10)
    (tmp_path / "odd.jsonl").write_text(json.dumps({"prompt": PROMPT}) + "\n")
    with pytest.raises(UserError, match="lacks `benchmark`"):
        Contamination.from_files([tmp_path / "odd.jsonl"], 10)


def test_text_that_is_not_python_is_no_trouble(index):
    for text in ("", "\0", "def f(", "((((" * 500, "```python\nnot closed", "\ud800"):
        assert index.find(text) is None


def key(text: str) -> str:
    return skeleton(functions(python_trees(text)[0])[0])[0]


def test_skeletons_forget_names_and_keep_meaning():
    one = key("def f(a: int, b) -> int:\n    'Doc.'\n    for x in a:\n        b += x\n    return b\n")
    same = key("@deco\ndef g(p, q):\n    for y in p:\n        q += y  # note\n    return q\n")
    assert one == same
    assert one != key("def g(p, q):\n    for y in p:\n        q -= y\n    return q\n")
    assert one != key("def g(p, q):\n    for y in p:\n        q += y\n    return p\n")
    assert key("def f(a):\n    return len(a)\n") != key("def f(a):\n    return max(a)\n")
    assert key("def f(a):\n    return a.x\n") != key("def f(a):\n    return a.y\n")
    assert key("def f(a):\n    return 'a'\n") != key("def f(a):\n    return 'b'\n")
