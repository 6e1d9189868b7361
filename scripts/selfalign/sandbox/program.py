"""A program, and what can be said of it without running it."""

import ast
import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from selfalign.sandbox.payload.statements import Known, expecting_call, expects, fails_in_pytest, is_library_assertion
from selfalign.sandbox.verdicts import Result

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Program:
    """A solution and its tests: two texts that run one after the other in one namespace."""

    solution: str
    tests: str


def static_verdict(program: Program) -> Result | None:
    """A verdict that needs no execution, or None.

    `syntax_error`: one of the texts cannot be parsed (what else keeps it from compiling, the sandbox finds out).
    `no_checks`: nothing in the tests can check anything. `vacuous`: the tests name nothing that the solution defines.
    `redefines_solution`: they define what they test.
    """
    trees = {}
    for part in ("solution", "tests"):
        try:
            trees[part] = _parse(getattr(program, part), part)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return Result("syntax_error", f"{part}: {type(error).__name__}: {error}")
    solution, tests = trees["solution"], trees["tests"]
    if not has_checks(tests):
        return Result("no_checks", "the tests hold no assertion")
    defined = module_names(solution)
    used = referenced_names(tests)
    if not defined & used:
        known = ", ".join(sorted(defined)[:5]) or "nothing"
        return Result("vacuous", f"the tests refer to nothing that the solution defines ({known})")
    again = redefined_names(tests) & definitions(solution) & used
    if again:
        return Result("redefines_solution", f"the tests define {', '.join(sorted(again))} anew")
    return None


def _parse(text: str, part: str) -> ast.Module:
    if "\x00" in text:
        raise ValueError("the text holds a null character")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escape sequences: the model's style, not our output
        return ast.parse(text, f"{part}.py")


@functools.lru_cache(maxsize=4)
def _nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """All nodes of a tree, which is gone through once for all questions; in half the time of `ast.walk`."""
    found = [tree]
    for node in found:  # it grows meanwhile
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                found += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return tuple(found)


def has_checks(tests: ast.Module) -> bool:
    """Whether anything in the tests could check: assert, unittest or pytest methods, library assertions, a raise."""
    known = Known(tests)
    return any(
        isinstance(node, ast.Assert | ast.Raise)
        or expects(node, known)
        or expecting_call(node)
        or fails_in_pytest(node, known)
        or is_library_assertion(node, known)
        or (isinstance(node, ast.Attribute) and node.attr.startswith("assert") and _is_self(node.value))
        for node in _nodes(tests)
    )


def _is_self(node: ast.expr) -> bool:
    """`self`, `cls`, or a TestCase made on the spot."""
    return isinstance(node, ast.Name | ast.Call)


def module_names(tree: ast.Module) -> set[str]:
    """Names that a module binds at its top level, imports apart."""
    return {name for statement in _module_statements(tree.body) for name in _bound(statement)}


def definitions(tree: ast.Module) -> set[str]:
    """Functions and classes that a module defines at its top level."""
    return {statement.name for statement in _module_statements(tree.body) if isinstance(statement, _DEFINITIONS)}


def referenced_names(tree: ast.AST) -> set[str]:
    """Names that are read anywhere in a text."""
    return {node.id for node in _nodes(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def redefined_names(tests: ast.Module) -> set[str]:
    """Names that the tests bind: functions and classes in any scope, anything else at the top level."""
    names = {node.name for node in _nodes(tests) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    names -= {item.name for node in _nodes(tests) if isinstance(node, ast.ClassDef) for item in node.body
              if isinstance(item, _DEFINITIONS)}  # fmt: skip
    names |= {node.name for node in _nodes(tests) if isinstance(node, ast.ClassDef)}
    names |= {name for node in _nodes(tests) if isinstance(node, ast.Global) for name in node.names}
    for statement in _module_statements(tests.body):
        names |= _bound(statement)
        if isinstance(statement, ast.ImportFrom) and statement.module == "__main__":
            names |= {alias.asname for alias in statement.names if alias.asname not in (None, alias.name)}
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    return names


def _module_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run in the module's own scope, also inside if, try, with and loops, in no particular order.

    A list of what is left, not recursion: a thousand `elif` lie in one another.
    """
    left = list(body)
    while left:
        statement = left.pop()
        yield statement
        if isinstance(statement, _DEFINITIONS):
            continue
        for field in ("body", "orelse", "finalbody"):
            left += getattr(statement, field, [])
        for handler in getattr(statement, "handlers", []) + getattr(statement, "cases", []):
            left += handler.body


def _bound(statement: ast.stmt) -> set[str]:
    """Names that one statement binds itself (not through the statements inside it)."""
    if isinstance(statement, _DEFINITIONS):
        return {statement.name}
    targets: list[ast.AST] = []
    if isinstance(statement, ast.Assign):
        targets = list(statement.targets)
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign | ast.For | ast.AsyncFor):
        targets = [statement.target]
    elif isinstance(statement, ast.With | ast.AsyncWith):
        targets = [item.optional_vars for item in statement.items if item.optional_vars]
    elif isinstance(statement, ast.Delete):
        targets = list(statement.targets)
    return {node.id for target in targets for node in ast.walk(target)
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}  # fmt: skip
