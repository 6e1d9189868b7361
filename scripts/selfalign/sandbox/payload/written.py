"""Which tests a text holds, told from its syntax, and which of them a function at hand is."""

import ast
import contextlib
import inspect
import types
from collections.abc import Iterator
from typing import NamedTuple

from .instrument import key_of

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Written(NamedTuple):
    """A test as the text has it: its key, its name for a reader, and whether the text may skip it."""

    key: str
    name: str
    skippable: bool


class Outline(NamedTuple):
    """What is kept of the tests' syntax once they are compiled: for a fork, what is not there costs nothing.

    Attributes:
        places: see :func:`places`.
        may_skip: whether the text says something of all its tests that can skip them.
    """

    places: tuple[tuple[ast.stmt, bool], ...]
    may_skip: bool

    def forget_bodies(self) -> None:
        """Keeps of functions what stands around their bodies; done when the text is compiled."""
        left: list[ast.AST] = [node for node, _ in self.places]
        for node in left:  # it grows meanwhile
            if isinstance(node, FUNCTIONS):
                node.body = []
            elif isinstance(node, ast.ClassDef):
                left += node.body


def outline(tree: ast.Module) -> Outline:
    """To be made before `instrument`, which moves statements."""
    return Outline(tuple(places(tree.body)), mentions_skip(marks_for_all(tree.body)))


def places(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, bool]]:
    """Functions `test*` and classes that a module defines, and whether it does so in any case (not in `if`, `try` ...)."""
    blocks = [body]
    for block in blocks:  # it grows meanwhile
        for node in block:
            if isinstance(node, ast.ClassDef) or (isinstance(node, FUNCTIONS) and node.name.startswith("test")):
                yield node, block is body
            elif not isinstance(node, FUNCTIONS):
                parts = (node, *getattr(node, "handlers", ()), *getattr(node, "cases", ()))
                fields = [getattr(part, name, None) for part in parts for name in ("body", "orelse", "finalbody")]
                blocks += [field for field in fields if isinstance(field, list)]


def of_function(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, may_skip: bool) -> Written:
    return Written(key_of(node), name, may_skip or mentions_skip(node.decorator_list))


def marks_for_all(body: list[ast.stmt]) -> list[ast.AST]:
    """What a module or class says of all its tests in `pytestmark`."""
    return [node.value for node in body if isinstance(node, ast.Assign) and _binds(node, "pytestmark")]


def is_no_test(node: ast.ClassDef) -> bool:
    """Whether a class says of itself that it is none: `__test__ = False`."""
    values = [item.value for item in node.body if isinstance(item, ast.Assign) and _binds(item, "__test__")]
    return any(isinstance(value, ast.Constant) and not value.value for value in values)


def _binds(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _last_part(node: ast.AST) -> str:
    return getattr(node, "attr", None) or getattr(node, "id", "")


def mentions_skip(nodes: list[ast.AST]) -> bool:
    """Whether decorators or marks can skip a test. A program could add such a mark; it cannot write it into the text."""
    return any(
        _last_part(item).startswith("skip")
        for node in nodes
        for item in ast.walk(node)
        if isinstance(item, ast.Attribute | ast.Name)
    )


def makes_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(_last_part(item) == "fixture" for decorator in node.decorator_list for item in ast.walk(decorator))


def is_case(node: ast.ClassDef) -> bool:
    """Whether a class looks like a `unittest.TestCase`."""
    return any(_last_part(base).endswith("TestCase") for base in node.bases)


def key(function: object) -> str:
    """The key of a function of the tests, also when a decorator has wrapped it; else an empty string."""
    with contextlib.suppress(ValueError):
        function = inspect.unwrap(function)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if not isinstance(code, types.CodeType) or code.co_filename != "tests.py":
        return ""
    return f"{code.co_name}:{code.co_firstlineno}"
