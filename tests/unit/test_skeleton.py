"""What a code skeleton sets aside, and what it keeps apart."""

import pytest

from selfalign.datasets.skeleton import skeleton_key

CODE = '''
import math

class Tally:
    """Counts what it is given."""

    def __init__(self, start):
        self.total = start

    def add(self, items):
        for item in items:
            if item > 3:
                self.total += item * 2
        return math.floor(self.total)

def tally(items):
    """The tally of items."""
    found = Tally(0)
    return found.add(items), "done"
'''


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("a class's name", "Tally", "Ledger"),
        ("a function's name", "tally", "book"),
        ("an argument's and a variable's name", "item", "entry"),
        ("an attribute that the program sets", "total", "amount"),
        ("a method's name", "add(", "book_all("),
        ("a docstring", '"""Counts what it is given."""', '"""Something else."""'),
        ("no docstring", '    """The tally of items."""\n', ""),
        ("a comment and blank lines", "class Tally", "# why\n\n\nclass Tally"),
        ("annotations", "def add(self, items):", "def add(self, items: list[int]) -> int:"),
        ("an annotated variable", "found = Tally(0)", "found: Tally = Tally(0)"),
        ("the text of a string", '"done"', '"ready"'),
    ],
)
def test_what_is_set_aside(what, old, new):
    assert old in CODE
    assert skeleton_key(CODE.replace(old, new)) == skeleton_key(CODE) is not None, what


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("a number", "* 2", "* 5"),
        ("an operator", "item > 3", "item < 3"),
        ("the function that is called", "math.floor", "math.ceil"),
        (
            "the order of statements",
            "for item in items:\n            if item > 3:",
            "if items:\n            for item in items:",
        ),
        ("a decorator", "def tally", "@print\ndef tally"),
        ("which variable is used", "self.total += item * 2", "self.total += start * 2"),
        ("a string that becomes a number", '"done"', "4"),
    ],
)
def test_what_keeps_two_programs_apart(what, old, new):
    assert old in CODE
    assert skeleton_key(CODE.replace(old, new)) != skeleton_key(CODE), what


def test_a_builtin_method_counts_though_a_variable_has_its_name():
    body = "def f(s, c):\n    {0} = s.{0}(c)\n    for x in s:\n        if x == c and {0} > 2:\n            print(x + 1, {0} - 1)\n    return {0}\n"
    index, count = skeleton_key(body.format("index")), skeleton_key(body.format("count"))
    assert index is not None and count is not None and index != count


def test_names_are_compared_by_use_not_by_spelling():
    swapped = CODE.replace("found", "items_2")
    assert skeleton_key(swapped) == skeleton_key(CODE)


@pytest.mark.parametrize(
    "code", ["def f(a, b):\n    return a + b", "x = 1", "", "not python at all !", "def f(:", "\x00"]
)
def test_too_little_to_tell_or_no_program(code):
    assert skeleton_key(code) is None


def test_code_nested_too_deeply_is_no_crash():
    assert skeleton_key("x = " + "(" * 90 + "1" + ")" * 90) is None
    assert skeleton_key("x = " + "+".join(["y"] * 20_000)) is None
