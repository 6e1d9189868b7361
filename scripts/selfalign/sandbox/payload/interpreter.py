"""The interpreter that a program finds: the state of a file started as `python program.py`.

What is the same for all programs is made once, in the worker. A program's process copies every page that it changes, and it
is these pages that an execution costs most for.
"""

import builtins
import io
import linecache
import os
import random
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterable

_DEFAULT_WARNINGS = list(warnings.filters)
MAX_MESSAGE = 500


def prepare(hidden: Iterable[str]) -> None:
    """In the worker, before any program.

    Args:
        hidden: names of modules that no program shall find.
    """
    for name in hidden:
        del sys.modules[name]
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    module.__builtins__ = builtins
    # What was read or written through the server's own streams is not this program's.
    sys.stdin, sys.stdout, sys.stderr = _streams()
    random.seed(0)  # the verdict of a test that draws numbers is the same in every run
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(0)
    warnings.resetwarnings()
    warnings.filters[:] = _DEFAULT_WARNINGS


def _streams() -> tuple[io.TextIOWrapper, io.TextIOWrapper, io.TextIOWrapper]:
    """Made on the null device and on pipes, as a program has them: streams look at what they are made on."""
    kept, null, (read, write) = [os.dup(number) for number in range(3)], os.open("/dev/null", os.O_RDONLY), os.pipe()
    try:
        for number, descriptor in enumerate((null, write, write)):
            os.dup2(descriptor, number)
        given = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
        return given, _output(1, False), _output(2, True)
    finally:
        for number, descriptor in enumerate(kept):
            os.dup2(descriptor, number)
        for descriptor in (*kept, null, read, write):
            os.close(descriptor)


def _output(descriptor: int, by_line: bool) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=by_line)


def count_failures_of_threads(count: Callable[[], int], texts: list[str]) -> None:
    """An exception that ends a thread adds one to a count, and its text to a list; done once, in the worker."""

    def in_thread(failure) -> None:
        if failure.exc_type is not SystemExit:
            count()
            texts.append(f"{failure.exc_type.__name__}: {failure.exc_value}"[:MAX_MESSAGE])
            traceback.print_exception(failure.exc_type, failure.exc_value, failure.exc_traceback)

    threading.excepthook = in_thread


def settle_in(folder: str, solution: str, tests: str) -> None:
    """In a program's process: what depends on the program.

    Args:
        folder: that it starts in.
        solution, tests: for tracebacks and `inspect.getsource`.
    """
    path = f"{folder}/program.py"
    sys.modules["__main__"].__file__ = path
    sys.argv, sys.path[0] = [path], folder
    for name, text in (("solution.py", solution), ("tests.py", tests)):
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    # The tests are in no file: a solution could look its answers up there.
    _write_file(path, solution.encode("utf-8", "replace"))


def _write_file(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    while data:
        data = data[os.write(descriptor, data) :]
    os.close(descriptor)
