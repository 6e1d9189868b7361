"""Runs solution and tests in one namespace that is really `__main__`, and reports what happened.

The report goes through a pipe that only this process holds, with a nonce that the worker made for this run. Its
absence means that the program ended before its tests did.
"""

import ast
import atexit
import contextlib
import io
import json
import linecache
import os
import random
import sys
import threading
import traceback
import types

from . import checks

MAX_MESSAGE = 500


class Report:
    """Writes the one report of this run; only the process that the worker started can do so."""

    def __init__(self, nonce: str, descriptor: int, counter: checks.Counter):
        self.nonce, self.descriptor, self.counter, self.process = nonce, descriptor, counter, os.getpid()

    def write(self, state: str, **more) -> None:
        if not checks.same_process(self.process):
            os._exit(0)
        counter = self.counter
        record = {
            "nonce": self.nonce,
            "state": state,
            "checks_run": counter.run,
            "checks_failed": counter.failed,
            "test_failures": counter.test_failures,
            "test_errors": counter.test_errors,
            "thread_errors": counter.thread_errors[:3],
            **more,
        }
        os.write(self.descriptor, json.dumps(record).encode())


def run(request: dict, nonce: str, descriptor: int) -> None:
    """Runs a request and ends the process. Does not return."""
    counter = checks.Counter()
    report = Report(nonce, descriptor, counter)
    status = 1
    try:
        if request.get("kind") == "evalplus":
            from . import evalplus_job

            report.write("scored", scores=evalplus_job.score(request))
        else:
            _run_program(request, counter, report)
        status = 0
    except BaseException as error:
        _report_error(report, "harness", error)
    finally:
        os._exit(status)


def _run_program(request: dict, counter: checks.Counter, report: Report) -> None:
    _prepare_interpreter(request, counter)
    namespace = sys.modules["__main__"].__dict__
    namespace["__name__"] = request.get("module", "__main__")
    phase = "solution"
    try:
        solution, tests = (ast.parse(request[part], f"{part}.py") for part in ("solution", "tests"))
        plain_tests = ast.parse(request["tests"], "tests.py")
        codes = [compile(tree, name, "exec", dont_inherit=True) for tree, name in
                 ((solution, "solution.py"), (checks.instrument(tests), "tests.py"))]  # fmt: skip
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return _report_error(report, "compile", error)
    namespace[checks.HOOK] = counter
    try:
        exec(codes[0], namespace)
        phase = "tests"
        with contextlib.suppress(checks.TestsEnded):
            exec(codes[1], namespace)
        checks.run_uncalled(namespace, plain_tests, counter)
        threading._shutdown()
        phase = "exit"
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except checks.TestsEnded:
        report.write("end")
    except SystemExit as error:
        report.write("exit", phase=phase, message=str(error.code)[:MAX_MESSAGE])
    except BaseException as error:
        _report_error(report, phase, error)
    else:
        report.write("end")


def _prepare_interpreter(request: dict, counter: checks.Counter) -> None:
    """The state that a file started as `python program.py` finds."""
    module = types.ModuleType("__main__")
    module.__file__ = os.path.join(os.getcwd(), "program.py")
    module.__builtins__ = __builtins__
    for name in [name for name in sys.modules if name.split(".")[0] == __name__.split(".")[0]]:
        del sys.modules[name]
    sys.modules["__main__"] = module
    sys.argv = [module.__file__]
    sys.path[0] = os.getcwd()
    for part in ("solution", "tests"):
        text = request[part]
        linecache.cache[f"{part}.py"] = (len(text), None, text.splitlines(keepends=True), f"{part}.py")
    text = request["solution"] + "\n\n" + request["tests"]
    with open(module.__file__, "w", encoding="utf-8", errors="replace") as stream:
        stream.write(text)
    # What was read or written through the server's own streams is not this program's.
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
    sys.stdout, sys.stderr = _output(1, False), _output(2, True)
    random.seed(0)  # the verdict of a test that draws numbers is the same in every run
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(0)
    checks.count_unittest(counter)

    def in_thread(failure) -> None:
        if failure.exc_type is not SystemExit:
            counter.thread_errors.append(f"{failure.exc_type.__name__}: {failure.exc_value}"[:MAX_MESSAGE])
            traceback.print_exception(failure.exc_type, failure.exc_value, failure.exc_traceback)

    threading.excepthook = in_thread


def _output(descriptor: int, by_line: bool) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=by_line)


def _report_error(report: Report, phase: str, error: BaseException) -> None:
    try:
        message = str(error)
    except BaseException:
        message = "(its text cannot be had)"
    try:
        traceback.print_exception(type(error), error, _program_frames(error.__traceback__), limit=-20)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        pass
    report.write(
        "raised",
        phase=phase,
        type=type(error).__name__,
        bases=[base.__name__ for base in type(error).__mro__][:8],
        errno=error.errno if isinstance(error, OSError) else None,
        line=_line(error),
        message=message[:MAX_MESSAGE],
    )


def _program_frames(trace: types.TracebackType | None) -> types.TracebackType | None:
    """The traceback without the harness's own frames."""
    while trace is not None and trace.tb_frame.f_code.co_filename not in ("solution.py", "tests.py"):
        trace = trace.tb_next
    return trace


def _line(error: BaseException) -> str:
    """Where in the program's two texts the error was raised, as `tests.py:3`, or an empty string."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        if name in ("solution.py", "tests.py"):
            place = f"{name}:{line}"
    return place
