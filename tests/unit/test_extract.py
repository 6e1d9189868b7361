"""Extraction: which functions are found, and that their text stands on its own."""

import ast

from hypothesis import given, settings
from hypothesis import strategies as st

from selfalign.mining.extract import parse_module
from selfalign.mining.imports import assemble, bound_names, needed_names, surroundings

SOURCE = '''import os
from typing import (
    Any,  # a comment
    TypeVar,
)
try:
    import numpy as np
except ImportError:
    np = None

T = TypeVar("T")
LIMIT = 10
PATTERN = re.compile(r"a+", re.IGNORECASE)
COUNTER = 0
COUNTER = COUNTER + 1

@decorated(1)
@twice
def plain(x: Any):
    "Single quotes."
    def inner(y):
        """Nested."""
        return y
    return inner(x)

async def waits(x):
    # a comment first
    r\'\'\'Raw, triple single.\'\'\'
    return x

def bare(x):
    return x

class Box(Base):
    """A class."""
    @staticmethod
    def size(x):
        """Size.

      Badly indented.
        """
        text = """
left
"""
        return len(text) + x

    def method(self):
        """Method."""
        return self.x

if True:
    def conditional(x):
        """Conditional."""
        return x
'''


def test_functions_and_methods_are_found_nested_ones_are_not():
    found = parse_module(SOURCE).functions
    assert [entry.name for entry in found] == ["plain", "waits", "bare", "Box.size", "Box.method"]
    assert [entry.has_docstring for entry in found] == [True, True, False, True, True]
    assert [entry.class_name for entry in found] == ["", "", "", "Box", "Box"]
    assert not any(entry.broken for entry in found)


def test_decorators_are_kept_and_lines_counted_from_them():
    plain = parse_module(SOURCE).functions[0]
    assert plain.text.startswith("@decorated(1)\n@twice\ndef plain")
    assert SOURCE.split("\n")[plain.line - 1] == "@decorated(1)"
    assert plain.lines == plain.text.count("\n") + 1 == 8


def test_a_method_stands_in_a_class_of_its_own_with_no_string_changed():
    size = parse_module(SOURCE).functions[3]
    assert size.text.startswith("class Box:\n    @staticmethod\n    def size")
    namespace: dict = {}
    exec(compile(ast.parse(size.text), "<test>", "exec"), namespace)  # our own text, not a model's
    assert namespace["Box"].size(1) == len("\nleft\n") + 1
    assert size.lines == 10


def test_a_broken_file_still_gives_its_whole_functions():
    text = 'def good(x):\n    """Doc."""\n    return x\n\nprint "python 2"\ndef bad(x:\n    """Doc."""\n    return )\n'
    found = {entry.name: entry.broken for entry in parse_module(text).functions}
    assert found["good"] is False
    assert found.get("bad", True) is True


def test_imports_are_read_with_their_parentheses_and_under_try():
    around = surroundings(parse_module(SOURCE))
    assert around.imports["Any"].statement == "from typing import Any"
    assert around.imports["np"].statement == "import numpy as np"
    assert set(around.constants) == {"T", "LIMIT", "PATTERN"}


def test_import_statements_are_taken_apart():
    found = [(entry.name, entry.module, entry.statement) for entry in bound_names("import a.b, c as d")]
    assert found == [("a", "a.b", "import a.b"), ("d", "c", "import c as d")]
    assert [entry.module for entry in bound_names("from .. import x")] == [".."]
    assert bound_names("from x import *") == []
    assert bound_names("from x import (") == []


def test_needed_names_follow_scopes():
    code = (
        "@deco\ndef f(a, b=DEFAULT, *c) -> 'Later':\n    x = [a for a in b]\n    y = lambda z: z + FREE\n"
        "    def g():\n        nonlocal x\n        return x\n    global STATE\n    return f(len(x), y, STATE, q := 1, q)\n"
    )
    assert needed_names(code) == {"deco", "DEFAULT", "Later", "FREE", "STATE"}
    assert needed_names("def f(x):\n    return exit(x)\n") == {"exit"}


def test_a_seed_carries_what_it_needs_and_nothing_else():
    around = surroundings(parse_module(SOURCE.replace("import os\n", "import os\nimport re\n")))
    code, used, missing = assemble("def f(x: T) -> Any:\n    return PATTERN.sub(x, LIMIT, helper)\n", around)
    assert missing == {"helper"}
    assert {entry.name for entry in used} == {"Any", "TypeVar", "re"}
    assert code == (
        "import re\nfrom typing import Any\nfrom typing import TypeVar\n\n"
        'T = TypeVar("T")\nLIMIT = 10\nPATTERN = re.compile(r"a+", re.IGNORECASE)\n\n\n'
        "def f(x: T) -> Any:\n    return PATTERN.sub(x, LIMIT, helper)\n"
    )


def test_a_name_that_is_assigned_twice_is_no_constant():
    around = surroundings(parse_module(SOURCE))
    assert assemble("def f(x):\n    return x + COUNTER\n", around)[2] == {"COUNTER"}


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("def class():\n    \"'#@=+x,[{}]\\é\t")), max_size=200))
def test_no_text_breaks_the_parser(text):
    for entry in parse_module(text).functions:
        assert entry.lines >= 1
    surroundings(parse_module(text))
