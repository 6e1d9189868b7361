"""Concepts: what is taken from an answer and what is turned away."""

import pytest
from generation import SETTINGS, prompts_folder, seeds

from selfalign.backends import Completion
from selfalign.stages.concepts import Concepts, phrases
from selfalign.stages.parsing import Rejected

SEED = seeds(1)[0]


@pytest.fixture
def stage(tmp_path):
    return Concepts(SETTINGS["concepts"], prompts_folder(tmp_path))


def parse(stage, text, finish="stop"):
    return stage.parse(SEED, 0, Completion(text, finish, 10, 0, 5))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sorting, list comprehension\n", ["sorting", "list comprehension"]),
        ("- sorting\n- searching\n", ["sorting", "searching"]),
        ("1. sorting\n2) searching, and recursion.", ["sorting", "searching", "recursion"]),
        ("Sorting, sorting, SORTING", ["Sorting"]),
        ("`zip`, data structures (lists, sets)", ["zip", "data structures (lists, sets)"]),
        ("for loops, import statements, return values", ["for loops", "import statements", "return values"]),
        ("sorting, , 12, a phrase that goes on for far too many words", ["sorting"]),
        ("Fibonacci-Zahlen, Größenordnung", ["Fibonacci-Zahlen", "Größenordnung"]),
    ],
)
def test_lists_become_different_short_phrases(stage, text, expected):
    assert phrases(text) == expected
    assert parse(stage, text)["concepts"] == expected


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ("", "stop", "empty"),
        (" \n", "stop", "empty"),
        ("sorting, sear", "length", "truncated"),
        ("This function takes a list of numbers and gives back the largest one of them", "stop", "malformed"),
        ("It adds.", "stop", "malformed"),
        ("def f(a): pass", "stop", "code"),
        ("total = a + b", "stop", "code"),
        ("import os", "stop", "code"),
        ("from os import path", "stop", "code"),
        ("```python", "stop", "code"),
        ("sorting, \udc80", "stop", "invalid_unicode"),
        ("sorting, \ufffd", "stop", "invalid_unicode"),
    ],
)
def test_what_is_no_list_of_phrases_is_rejected(stage, text, finish, reason):
    answer = parse(stage, text, finish)
    assert isinstance(answer, Rejected) and answer.reason == reason


def test_fewer_than_wanted_are_rejected_and_more_are_left_off(tmp_path):
    stage = Concepts({**SETTINGS["concepts"], "min": 2, "max": 3}, prompts_folder(tmp_path))
    assert parse(stage, "sorting").reason == "too_few"
    assert parse(stage, "a1, b2, c3, d4")["concepts"] == ["a1", "b2", "c3"]


def test_ids_descend_from_the_seed(stage):
    row = parse(stage, "sorting")
    assert row["seed_id"] == SEED["id"]
    other = stage.parse({**SEED, "id": "ff"}, 0, Completion("sorting", "stop"))
    assert row["id"] != other["id"]


def test_the_prompt_shows_the_code_after_the_prefix(stage):
    prompt = stage.prompt(SEED)
    assert prompt.text.startswith(prompt.prefix)
    assert prompt.text.endswith(f"```python\n{SEED['code']}```\n[Concepts]\n")
    assert prompt.prompt_id == stage.bank.prompt_ids[prompt.group]
