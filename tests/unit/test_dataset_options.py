"""Rules of selection that a dataset may ask for: tests in instructions, one pair a set of names."""

import pytest
from test_build_dataset import SPEC, WORDS, build, pairs

from selfalign.datasets.judge import function_names
from selfalign.datasets.shown_tests import with_shown_tests
from selfalign.io import read_json, read_jsonl


def with_assertions(stage, row):
    """Rows whose tests are four assertions, and whose solutions are functions."""
    if stage != "responses":
        return row
    name = f"f_{WORDS[int(row['id'], 16) % 5]}"
    solution = f"def {name}(a):\n    return '{row['id']}', a"
    return {**row, "solution": solution, "tests": "\n".join(f"assert {name}({n})[1] == {n}" for n in range(4))}


def test_some_tests_are_shown_in_a_share_of_the_instructions_and_never_all(tmp_path):
    def made(share):
        out = build(tmp_path / str(share), range(100), spec={**SPEC, "shown_tests": share}, change=with_assertions)
        assert ("end with some of the pair's tests" in (out / "README.md").read_text()) == bool(share)
        return {pair["id"]: pair for pair in pairs(out)}

    plain, half = made(0), made(0.5)
    assert plain.keys() == half.keys() and len(plain) == 100
    changed = {key for key in half if half[key] != plain[key]}
    assert 35 < len(changed) < 65
    numbers = set()
    for key in changed:
        before, after = plain[key], half[key]
        assert {**after, "instruction": before["instruction"]} == before
        told = after["instruction"].removeprefix(before["instruction"])
        shown = [line for line in told.splitlines() if line.startswith("assert ")]
        assert set(shown) < set(before["tests"].splitlines())
        numbers.add(len(shown))
    assert numbers == {1, 2, 3}


@pytest.mark.parametrize(
    ("instruction", "tests"),
    [
        ("Add. Write a test.", "assert a\nassert b"),
        ("For example 1.", "assert a\nassert b"),
        ("Add.", "assert a"),
        ("Add.", "x = 1\nassert x\nassert a"),
        ("Add.", "assert (a ==\n b)\nassert a"),
        ("Add.", "assert (a"),
        ("Add.", ""),
    ],
)
def test_instructions_stay_as_they_are_where_tests_cannot_be_shown(instruction, tests):
    pair = {"id": "a", "instruction": instruction, "tests": tests}
    assert with_shown_tests(pair, 1) is pair


def test_pairs_of_functions_with_the_same_names_are_one_on_request(tmp_path):
    assert len(pairs(build(tmp_path / "all", range(40), change=with_assertions))) == 40
    out = build(tmp_path / "names", range(40), spec={**SPEC, "unique_names": True}, change=with_assertions)
    assert len(pairs(out)) == 5
    assert read_json(out / "counts.json")["rejected"]["exact_duplicate"] == 35
    details = {
        record["detail"].split(" of ")[0]
        for record in read_jsonl(out / "rejected.jsonl")
        if "duplicate" in record["reason"]
    }
    assert details == {"function names"}
    assert "have the names of a kept pair" in (out / "README.md").read_text()


def test_names_are_compared_without_case_and_underscores():
    assert function_names("class A:\n    def add_One(self): ...\ndef zip_(): ...") == "addone zip"
    assert function_names("x = 1") == function_names("def (") == ""
