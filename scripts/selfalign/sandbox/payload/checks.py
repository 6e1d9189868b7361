"""Counts the checks of a test text: how many ran, how many held. A failed check that was swallowed is still seen.

What counts is planted in the constants of the compiled code (see `instrument.py`), not under a name that a program could
bind anew, and can only count up. `unittest` is counted by wrapping its assertion methods and its results.
"""

import ast
import functools
import itertools
import re
import types
import warnings
from collections.abc import Callable
from sys import _getframe

from . import equality, failures
from .instrument import ENTERED, EQUAL, FAILED, HELPERS, RUN, SEEN, instrument

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


def compile_tests(tree: ast.Module, counter: Counter, suspicious: bool = False) -> types.CodeType:
    """The tests' code with counters in it; the tree is changed in place.

    Args:
        suspicious: look at what every call gives, see :data:`SUSPICIOUS`.
    """
    instrument(tree, suspicious)
    return plant(compile_quietly(tree, "tests.py"), counter.planted() | HELPERS)


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

    for name in ("addError", "addFailure", "addExpectedFailure", "addUnexpectedSuccess", "addSubTest"):
        setattr(unittest.TestResult, name, counting(getattr(unittest.TestResult, name)))

    class Main(unittest.TestProgram):
        """`unittest.main` that leaves the end of the process to the harness."""

        def __init__(self, *arguments, exit=True, **options):
            super().__init__(*arguments, exit=False, **options)

    unittest.main = Main
    counts = [counter.counts[name] for name in ("failed", "test_failures", "test_errors")]
    failures.watch(counts[1].__next__, counts[2].__next__, lambda: [repr(count) for count in counts])
