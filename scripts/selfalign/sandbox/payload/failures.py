"""Failures that a program's own code does not see: of doctests, of forked processes, of tests that the solution skips."""

import contextlib
import functools
import os
import sys
import unittest
from collections.abc import Callable

from . import claims


def is_skip(error: BaseException) -> bool:
    pytest_skips = getattr(sys.modules.get("_pytest.outcomes"), "Skipped", unittest.SkipTest)
    return isinstance(error, unittest.SkipTest | pytest_skips)


def came_from_solution(trace) -> bool:
    """Whether an exception passed through the solution: a solution has no say in which tests are skipped."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "solution.py":
            return True
        trace = trace.tb_next
    return False


def test_was_left() -> bool:
    """Whether the exception that is being handled has ended a test or check function, as it does under a runner made by hand.

    A failed assertion has been counted where it failed.
    """
    _, error, trace = sys.exc_info()
    if isinstance(error, AssertionError) or (is_skip(error) and not came_from_solution(trace)):
        return False
    trace = trace and trace.tb_next  # the frame of the handler itself
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == "tests.py" and code.co_name.startswith(("test", "check", "verify")):
            return True
        trace = trace.tb_next
    return False


def watch(fail: Callable, error: Callable, state: Callable[[], object]) -> None:
    """Wraps what would lose a failure. Done once, before any program.

    Args:
        fail, error: count a failure and an error; they only count up.
        state: what the counters of failures hold in this process.
    """
    _watch_doctest(fail)
    _watch_skips(error)
    _watch_forks(state)
    if "pytest" in sys.modules:
        sys.modules["pytest"].main = lambda *arguments, **options: sys.modules["pytest"].ExitCode.OK


class _WithoutTrace:
    """`sys` for `doctest`, which puts the trace function back that it found: no program may set one."""

    def __getattr__(self, name: str):
        return (lambda function: None) if name == "settrace" else getattr(sys, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(sys, name, value)


def _watch_doctest(fail: Callable) -> None:
    import doctest

    doctest.sys = _WithoutTrace()
    for name in ("report_failure", "report_unexpected_exception"):
        original = getattr(doctest.DocTestRunner, name)

        @functools.wraps(original)
        def report(*arguments, _original=original, **options):
            fail()
            return _original(*arguments, **options)

        setattr(doctest.DocTestRunner, name, report)


def _watch_skips(error: Callable) -> None:
    original = unittest.TestResult.addSkip

    @functools.wraps(original)
    def skip(self, test, reason):
        if came_from_solution(sys.exc_info()[2]):
            error()
        return original(self, test, reason)

    unittest.TestResult.addSkip = skip


def _watch_forks(state: Callable[[], object]) -> None:
    """A process that a program forked tells the worker, as it ends, if a check failed in it: what it has said cannot be
    taken back, neither by it nor by another."""
    fork, leave, write = os.fork, os._exit, os.write
    own: list = []

    @functools.wraps(fork)
    def watched() -> int:
        before = state()
        process = fork()
        if not process:
            own[:] = [before]
        return process

    @functools.wraps(leave)
    def watched_leave(status) -> None:
        if own and state() != own[0]:
            with contextlib.suppress(BaseException):
                write(claims.DESCRIPTOR, claims.FORK_FAILED)
        leave(status)

    os.fork, os._exit = watched, watched_leave
