"""Jobs of benchmarks: what a worker runs in a program's place when a benchmark has a scorer of its own.

A job takes its request, the counters of :class:`harness.Harness` (a status is handed over as a counter's number, which is
read from outside) and a dict for what else it has to tell, which is a claim. It judges in the process of the completion,
as the benchmarks' own scorers do: what that means is in docs/sandbox.md.
"""

import builtins
import contextlib
import importlib
import io
import os
import subprocess
import sys
import time
import types
import unittest

from . import evalperf_job, evalplus_job

STATUSES = ("", "pass", "fail", "error")
"""What the counter "status" says of a completion: no end was come to, passed, a check failed, an exception."""
MAX_REASON = 300


def _set(counters: dict, status: str) -> None:
    for _ in range(STATUSES.index(status)):
        next(counters["status"])


def run_test_cases(request: dict, counters: dict, told: dict) -> None:
    """BigCodeBench: the class `TestCases` of a module that holds completion and tests is run by `unittest`.

    As in bigcodebench 0.2.5 (eval/__init__.py, `unsafe_execute`): the two texts are one module `__test__` with `sys`, `os`
    and `environ` in it, `exit` and `quit` are gone, the time zone is UTC, output is thrown away, and a completion is right
    if no test failed or raised. Its guards (`os.kill`, `subprocess` and more replaced) are not needed in a sandbox.

    Args:
        request: `solution`, `tests`.
    """
    module = types.ModuleType("__test__")
    module.__dict__.update(
        __builtins__=builtins, __file__="__test__.py", __package__=None, sys=sys, os=os, environ=os.environ
    )
    os.environ["TZ"] = "UTC"
    time.tzset()
    builtins.exit = builtins.quit = None
    with _quiet():
        try:
            exec(compile(request["solution"] + "\n" + request["tests"], "__test__.py", "exec"), module.__dict__)
            sys.modules["__test__"] = module
            suite = unittest.TestLoader().loadTestsFromTestCase(module.TestCases)
            result = unittest.TestResult()
            suite.run(result)
        except BaseException as error:  # whatever it is, the completion raised it
            told["reason"] = _words(error)
            _set(counters, "error")
            return
    issues = [*result.failures, *result.errors]
    if issues:
        test, trace = issues[0]
        told["reason"] = f"{test.id().split('.')[-1]}: {trace.strip().splitlines()[-1]}"[:MAX_REASON]
        told["issues"] = len(issues)
    _set(counters, "error" if not result.failures and result.errors else "fail" if issues else "pass")


def run_whole_program(request: dict, counters: dict, told: dict) -> None:
    """DS-1000: a text with harness, completion and calls of the harness is right if it runs to its end.

    As in the benchmark's test_ds1000.py and execution.py: executed in an empty namespace, in an empty folder, with its
    output thrown away.

    Args:
        request: `program`.
    """
    with _quiet():
        try:
            exec(compile(request["program"], "program.py", "exec"), {})
        except BaseException as error:  # as above
            told["reason"] = _words(error)
            _set(counters, "fail" if isinstance(error, AssertionError) else "error")
            return
    _set(counters, "pass")


def find_modules(request: dict, counters: dict, told: dict) -> None:
    """Tells which of the modules `names` can't be imported in the image, with the reason."""
    told["missing"] = {}
    for name in request["names"]:
        with _quiet():
            try:
                importlib.import_module(name)
            except BaseException as error:  # a library that is there and broken is of no more use
                told["missing"][name] = _words(error)
    _set(counters, "pass")


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:MAX_REASON]
    except BaseException:
        return type(error).__name__


@contextlib.contextmanager
def _quiet():
    """Keeps what is printed from the pipes, which have a limit; started programs write into pipes that nobody reads."""
    start = subprocess.Popen.__init__

    def unheard(self, *arguments, **options):
        if len(arguments) < 5:
            options.setdefault("stdout", subprocess.PIPE)
        if len(arguments) < 6:
            options.setdefault("stderr", subprocess.PIPE)
        return start(self, *arguments, **options)

    subprocess.Popen.__init__ = unheard
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        subprocess.Popen.__init__ = start


JOBS = {
    "evalplus": evalplus_job.count_score,
    "evalperf": evalperf_job.measure_all,
    "unittest": run_test_cases,
    "program": run_whole_program,
    "modules": find_modules,
}
"""Kind of a request -> what the worker runs for it."""
