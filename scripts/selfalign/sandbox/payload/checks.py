"""Counts the checks of a test text: how many ran, how many held. A failed check that was swallowed is still seen.

The tests' syntax tree is changed so that each `assert`, each `if wrong: raise AssertionError`, each `pytest.raises`
block and each call of a `*.testing.assert_*` function counts itself; `==` inside a check also looks for objects that are
equal to everything. What counts is planted in the constants of the compiled code, not under a name that a program could
bind anew, and can only count up. `unittest` is counted by wrapping its assertion methods and its results. Line numbers
stay those of the text.
"""

import ast
import functools
import itertools
import re
import types
import warnings
from collections.abc import Callable
from sys import _getframe
from typing import ClassVar

from . import equality

RUN, FAILED, ENTERED, EQUAL, SEEN = (f"\0planted {name}\0" for name in ("run", "failed", "entered", "equal", "seen"))
SUSPICIOUS = re.compile(r"__eq__|__ne__|\bANY\b")
"""In a solution: whatever its calls give is looked at, not only what stands beside a `==` of a check."""


class Counter:
    """Checks that ran and that failed. Made once, before any program; a fork counts for itself.

    Attributes:
        counts: name -> `itertools.count`; what they hold is read from outside, see `proof.py`.
        entered: functions of the tests that were called, for :mod:`pytest_style`.
        thread_errors: texts of failures in threads.
    """

    def __init__(self):
        names = ("run", "failed", "test_failures", "test_errors", "thread_errors", "blocked")
        self.counts = {name: itertools.count() for name in names} | {"hollow": equality.hollow}
        self.thread_errors: list[str] = []
        self.entered: set[str] = set()
        self.wrap = _wrapping(*self.adders("run", "failed"))

    def adders(self, *names: str) -> list[Callable[[], int]]:
        """What adds one to a count. Taken once, before any program: an attribute could be bound anew, a method cannot."""
        return [self.counts[name].__next__ for name in names]

    def planted(self) -> dict[str, object]:
        run, failed = self.adders("run", "failed")
        return {RUN: run, FAILED: failed, ENTERED: self.entered.add, EQUAL: equality.equal, SEEN: equality.seen}


def _wrapping(run: Callable, failed: Callable) -> Callable[[Callable], Callable]:
    import unittest.case
    import unittest.mock

    in_case, in_mock = vars(unittest.case), vars(unittest.mock)

    def wrap(method):
        """Counts calls of an assertion method; those that others of its kind make are not counted again."""

        @functools.wraps(method)
        def counted(*args, **kwargs):
            caller = _getframe(1).f_globals
            if caller is in_case or caller is in_mock:
                return method(*args, **kwargs)
            run()
            try:
                result = method(*args, **kwargs)
            except AssertionError:
                failed()
                raise
            equality.examine(*args[1:3])
            return result

        return counted

    return wrap


def _dotted(node: ast.expr) -> list[str]:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [*([node.id] if isinstance(node, ast.Name) else []), *reversed(parts)]


def is_library_assertion(node: ast.AST, imported: Callable[[], set[str]]) -> bool:
    """Whether a statement is a call such as `np.testing.assert_allclose(...)`.

    Args:
        imported: gives the names that the text imports from a module called `testing`.
    """
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        return False
    path = _dotted(node.value.func)
    if not path or not path[-1].startswith("assert_"):
        return False
    return "testing" in path[:-1] or (len(path) == 1 and path[0] in imported())


def expects_exception(node: ast.AST) -> bool:
    """Whether a statement is `with pytest.raises(...)`."""
    if not isinstance(node, ast.With | ast.AsyncWith):
        return False
    calls = [item.context_expr for item in node.items if isinstance(item.context_expr, ast.Call)]
    return any(_dotted(call.func)[-1:] == ["raises"] for call in calls)


def raises_assertion(node: ast.AST) -> bool:
    """Whether a statement is `if ...: raise AssertionError...` and nothing else."""
    if not (isinstance(node, ast.If) and len(node.body) == 1 and isinstance(node.body[0], ast.Raise)):
        return False
    raised = node.body[0].exc
    raised = raised.func if isinstance(raised, ast.Call) else raised
    return isinstance(raised, ast.Name) and raised.id == "AssertionError"


def testing_imports(tree: ast.AST) -> set[str]:
    """Names that are imported from a module whose last part is `testing`."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module)
    return {
        alias.asname or alias.name
        for node in imports
        if node.module.split(".")[-1] == "testing"
        for alias in node.names
    }


def _at(place: ast.AST, node):
    """The node, at a place of the text; quicker than `ast.copy_location`."""
    node.lineno, node.col_offset = place.lineno, place.col_offset
    node.end_lineno, node.end_col_offset = place.end_lineno, place.end_col_offset
    return node


def _constant(value: object, at: ast.AST) -> ast.Constant:
    return _at(at, ast.Constant(value))


def _call(what: str, at: ast.AST, *arguments: ast.expr) -> ast.Call:
    """A call of what is planted for a text. All nodes get their place at once: to find missing ones takes longer."""
    return _at(at, ast.Call(_constant(what, at), list(arguments), []))


class _Equality(ast.NodeTransformer):
    """Puts our comparison in the place of `==`."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            return _call(EQUAL, node, node.left, node.comparators[0])
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return node  # the most frequent of all, and dear in the base class

    visit_Name = visit_Constant


_condition = _Equality().visit


class _Results(ast.NodeTransformer):
    """Has a look at what calls give and at what is compared."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return node if isinstance(node.func, ast.Constant) else _call(SEEN, node, node)  # those are our own

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        node.left, *node.comparators = (_call(SEEN, part, part) for part in (node.left, *node.comparators))
        return node


def _say(what: str, at: ast.AST, *arguments: ast.expr) -> ast.Expr:
    return _at(at, ast.Expr(_call(what, at, *arguments)))


class _Instrument:
    """Changes statements, block by block; of expressions only the conditions of checks are looked into."""

    def __init__(self, tree: ast.Module):
        self.path: list[str] = []
        self.imported = functools.cache(lambda: testing_imports(tree))

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        changed: list[ast.stmt] = []
        for statement in statements:
            changed += self.CHANGES.get(type(statement), _Instrument.inside)(self, statement)
        return changed

    def inside(self, node: ast.AST) -> list[ast.AST]:
        for field in ("body", "orelse", "finalbody"):
            if block := getattr(node, field, None):
                setattr(node, field, self.block(block))
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            part.body = self.block(part.body)
        return [node]

    def assertion(self, node: ast.Assert) -> list[ast.AST]:
        failure = _at(node, ast.Assert(_constant(False, node), node.msg))
        branches = [_say(RUN, node)], [_say(RUN, node), _say(FAILED, node), failure]
        return [_at(node, ast.If(_condition(node.test), *branches))]

    def decision(self, node: ast.If) -> list[ast.AST]:
        if not raises_assertion(node):
            return self.inside(node)
        node.test = _condition(node.test)
        node.body = [_say(RUN, node), _say(FAILED, node), *node.body]
        node.orelse = [_say(RUN, node), *self.block(node.orelse)]
        return [node]

    def expression(self, node: ast.Expr) -> list[ast.AST]:
        return [node, _say(RUN, node)] if is_library_assertion(node, self.imported) else [node]

    def context(self, node: ast.With | ast.AsyncWith) -> list[ast.AST]:
        self.inside(node)
        return [node, _say(RUN, node)] if expects_exception(node) else [node]

    def named(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[ast.AST]:
        self.path.append(node.name)
        self.inside(node)
        name = ".".join(self.path)
        self.path.pop()
        if not isinstance(node, ast.ClassDef):
            has_docstring = ast.get_docstring(node, clean=False) is not None
            first = node.body[0]
            node.body.insert(int(has_docstring), _say(ENTERED, first, _constant(name, first)))
        return [node]

    CHANGES: ClassVar = {
        ast.Assert: assertion, ast.If: decision, ast.Expr: expression, ast.With: context,
        ast.AsyncWith: context, ast.FunctionDef: named, ast.AsyncFunctionDef: named, ast.ClassDef: named,
    }  # fmt: skip


def compile_tests(tree: ast.Module, counter: Counter, suspicious: bool = False) -> types.CodeType:
    """The tests' code with counters in it; the tree is changed in place.

    Args:
        suspicious: look at what every call gives, see :data:`SUSPICIOUS`.
    """
    tree.body = _Instrument(tree).block(tree.body)
    if suspicious:
        tree = _Results().visit(tree)
    return plant(compile_quietly(tree, "tests.py"), counter.planted())


def parse(text: str, name: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, name)


def compile_quietly(tree: ast.Module, name: str) -> types.CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(tree, name, "exec", dont_inherit=True, optimize=0)


def plant(code: types.CodeType, things: dict[str, object]) -> types.CodeType:
    """The code with things in the place of the constants that stand for them, in all functions inside it too."""
    constants = tuple(
        plant(constant, things)
        if isinstance(constant, types.CodeType)
        else things.get(constant, constant)
        if isinstance(constant, str)
        else constant
        for constant in code.co_consts
    )
    return code.replace(co_consts=constants)


def count_unittest(counter: Counter) -> None:
    """Wraps `unittest` so that assertions, failures and errors are counted, whichever runner is used."""
    import unittest
    import unittest.mock

    for kind, prefix in ((unittest.TestCase, "assert"), (unittest.mock.NonCallableMock, "assert_")):
        for name in dir(kind):
            if name.startswith(prefix) or name == "fail":
                setattr(kind, name, counter.wrap(getattr(kind, name)))

    failure, failed_otherwise = counter.adders("test_failures", "test_errors")

    def counting(method):
        kind = method.__name__

        @functools.wraps(method)
        def record(self, test, error=None, *more):
            outcome = more[0] if more else error  # addSubTest(test, subtest, outcome)
            is_failure = kind == "addUnexpectedSuccess" or (
                isinstance(outcome, tuple) and issubclass(outcome[0], AssertionError)
            )
            if is_failure:
                failure()
            elif outcome is not None:
                failed_otherwise()
            return method(self, test, *(() if error is None else (error,)), *more)

        return record

    for name in ("addError", "addFailure", "addUnexpectedSuccess", "addSubTest"):
        setattr(unittest.TestResult, name, counting(getattr(unittest.TestResult, name)))

    class Main(unittest.TestProgram):
        """`unittest.main` that leaves the end of the process to the harness."""

        def __init__(self, *arguments, exit=True, **options):
            super().__init__(*arguments, exit=False, **options)

    unittest.main = Main
