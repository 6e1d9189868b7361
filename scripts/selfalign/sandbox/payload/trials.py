"""What the tests make of a stub of the solution and of mutants; and programs whose trees are deep."""

import ast
import contextlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import TypeVar

from . import checks, variants

UNCOMPILABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What compiling a text or a tree can raise."""
DEEP = 30_000
"""Recursion limit for trees of texts that Python compiles with the usual one: it takes them to about 3,000 levels, a tree's
nodes only to 1,000, and what goes through a tree in Python needs several frames a level."""
Made = TypeVar("Made")


def as_deep_as_text(text: str, name: str, make: Callable[[], Made]) -> Made:
    """What `make` gives, which goes through the text's tree, if that is no deeper than Python itself allows a file.

    Raises:
        RecursionError: a file of the text could not be run either.
    """
    try:
        return make()
    except RecursionError:
        checks.compile_quietly(text, name)  # raises where Python gives up too; the stack has room for all others
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(DEEP)
    try:
        return make()
    finally:
        sys.setrecursionlimit(usual)


def tell_lines(text: str) -> tuple[types.CodeType, set[int]]:
    """The solution's code, changed to tell which lines ran, and its lines; the plain code and none where that fails."""

    def make() -> tuple[types.CodeType, set[int]]:
        tree, lines = variants.telling(checks.parse(text, "solution.py"))
        return checks.compile_quietly(tree, "solution.py"), lines

    try:
        return as_deep_as_text(text, "solution.py", make)
    except UNCOMPILABLE:
        return checks.compile_quietly(text, "solution.py"), set()


def tried(wanted: dict, text: str, run: Callable[[types.CodeType], bool | None]) -> dict:
    """Whether the tests pass with a stub, and how many mutants they notice. What cannot be compiled is not tried.

    Args:
        wanted: `stub` (bool), `mutants` (number).
        run: runs the tests with a solution: whether they pass, or None where the solution itself raised before them.
    """
    found: dict = {}
    if wanted.get("stub"):
        found["stub"] = _stub_passes(text, run)
    if wanted.get("mutants"):
        made = _variants(text, lambda parse: variants.mutants(parse, text, wanted["mutants"]))
        outcomes = [run(code) for code in made]
        found |= {"mutants": len(outcomes), "mutants_killed": len(outcomes) - outcomes.count(True)}
    return found


def _stub_passes(text: str, run: Callable[[types.CodeType], bool | None]) -> bool | None:
    """Whether the tests pass with a stub; None if there is nothing to make one of."""
    for make in (_stub, lambda parse: iter([variants.late_stub(parse())])):
        made = _variants(text, make)
        if not made:
            return None
        outcome = run(made[0])
        if outcome is not None:
            return outcome
    return False


def _stub(parse: Callable[[], ast.Module]) -> Iterator[ast.Module]:
    made = variants.stub(parse())
    if made is not None:
        yield made


def _variants(text: str, make: Callable[[Callable[[], ast.Module]], Iterator[ast.Module]]) -> list[types.CodeType]:
    """The code of variants of a text that compile: two cases of a mapping, for one, can become the same one."""
    codes = []
    try:
        trees = list(make(lambda: as_deep_as_text(text, "solution.py", lambda: checks.parse(text, "solution.py"))))
    except UNCOMPILABLE:
        return []
    for tree in trees:
        with contextlib.suppress(*UNCOMPILABLE):
            compiled = lambda tree=tree: checks.compile_quietly(tree, "solution.py")  # noqa: E731
            codes.append(as_deep_as_text(text, "solution.py", compiled))
    return codes
