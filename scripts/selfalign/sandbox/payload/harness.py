"""Runs solution and tests in one namespace that is really `__main__`, and says what happened.

Made once, in the worker, before any program: the wrapped `unittest`, the snapshot of what checks are made of, and the
generator whose position proves the end (see `proof.py`). What a program's process says on the pipe is a claim; that the
tests came to their end, and how many checks held, is read from its memory by the process that started it.
"""

import atexit
import builtins
import gc
import io
import itertools
import json
import linecache
import os
import random
import signal
import sys
import threading
import traceback
import types
import unittest
import unittest.mock
import warnings

from . import OWN_BUILTINS, checks, equality, proof, pytest_style, tampering

MAX_MESSAGE = 500


class Blocked(Exception):
    """A program tried what the harness does not let it do."""


class Harness:
    """What a worker prepares for all its programs.

    Attributes:
        generator: at its first `yield`; the code that a program runs under.
        counter: of checks.
        own_modules: names of modules that no program shall find.
    """

    def __init__(self):
        self.counter = checks.Counter()
        self.blocked: list[str] = []
        self.scores = {part: itertools.count() for part in ("base", "plus", "status")}
        checks.count_unittest(self.counter)
        _tame_doctest()
        _tame_atexit()
        equality.trust_loaded_modules()
        self.changed = tampering.snapshot()
        self.hook = _make_hook(*self.counter.adders("blocked"), self.blocked.append)
        own = __name__.split(".")[0]
        self.own_modules = [name for name in sys.modules if name.split(".")[0] == own]
        self.generator = _run()
        next(self.generator)
        gc.collect()
        gc.freeze()  # what all programs share is not looked through again by each of them

    @property
    def counters(self) -> dict:
        return self.counter.counts | {f"score_{part}": count for part, count in self.scores.items()}

    def guarded(self) -> list[int]:
        """Addresses of what tells, from outside, whether a program has changed the harness."""
        modules = [sys.modules[name] for name in self.own_modules if "." in name]
        owned = {id(vars(module)) for module in modules}
        kinds = [kind for module in modules for kind in vars(module).values() if isinstance(kind, type)]
        own_kinds = [kind for kind in kinds if kind.__module__ in self.own_modules]
        patched = (unittest.TestCase, unittest.TestResult, unittest.mock.NonCallableMock)
        things = [vars(place).values() for place in (*modules, *own_kinds, *patched)]
        functions = [getattr(thing, "__func__", thing) for group in things for thing in group]
        functions = [f for f in functions if isinstance(f, types.FunctionType) and id(f.__globals__) in owned]
        # A class shows a view of its namespace, which holds the dictionary itself.
        spaces = [vars(module) for module in modules] + [gc.get_referents(vars(kind))[0] for kind in own_kinds]
        return proof.guarded_words([*functions, self.changed, self.hook], [OWN_BUILTINS, *spaces])


def _run():
    """The generator. A program can find what it uses, and a change of that is seen from outside: see `guarded`."""
    job = yield
    if job.score is not None:
        job.score()
    else:
        execute, tests, namespace, tree, entered = exec, job.tests, job.namespace, job.tree, job.entered
        changed, uncalled, settle, enter = job.changed, pytest_style.run_uncalled, job.settle, job.enter
        finish = (threading._shutdown, atexit._run_exitfuncs, _stop_helpers, job.flush)
        execute(job.solution, namespace)
        settle(changed())
        enter("tests")
        execute(tests, namespace)
        uncalled(namespace, tree, entered)
        settle(changed())
        enter("exit")
        for last in finish:
            last()
    yield


class Job:
    """One program as the generator gets it."""

    def __init__(self, harness: Harness, solution, tests, tree, module: str, score):
        self.solution, self.tests, self.tree, self.score = solution, tests, tree, score
        self.changed, self.entered = harness.changed, harness.counter.entered
        self.phase = "solution"
        self.namespace = sys.modules["__main__"].__dict__
        self.namespace["__name__"] = module

    def enter(self, phase: str) -> None:
        self.phase = phase

    @staticmethod
    def settle(changed: str) -> None:
        if changed:
            raise Blocked(f"replaced {changed}")

    @staticmethod
    def flush() -> None:
        sys.stdout.flush()


def become(harness: Harness, prepared: dict, claim: int) -> None:
    """Runs a prepared program in this process and claims what became of it. Does not return.

    Args:
        prepared: `solution` and `tests` (code), `tree` (of the tests), `texts`, `module`; or `score` for a benchmark job.
        claim: descriptor that claims go to.
    """
    process, write, leave, pause = os.getpid(), os.write, os._exit, signal.pause
    whoami, encode = os.getpid, json.JSONEncoder().encode
    seen: set[int] = set()

    def say(state: str, **more) -> None:
        if whoami() != process:
            leave(0)  # a fork of the program came here
        record = {"state": state, "seen": sorted(seen), "blocked": harness.blocked[:3], **more}
        write(claim, encode(record).encode() + b"\n")

    job, told = None, {}
    try:
        texts = prepared["texts"]
        _prepare_interpreter(texts, harness)
        solution = prepared["solution"]
        if prepared["seen"]:
            solution = checks.plant(solution, {prepared["seen"]: seen.add})
        score = prepared["score"] and (lambda: prepared["score"](harness.scores, told))
        job = Job(harness, solution, prepared["tests"], prepared["tree"], prepared["module"], score)
        if score is None:
            sys.addaudithook(harness.hook)
        harness.generator.send(job)
        say("end", thread_errors=harness.counter.thread_errors[:3], told=told)
    except SystemExit as error:
        say("exit", phase=job.phase if job else "", message=str(error.code)[:MAX_MESSAGE])
    except BaseException as error:
        say("raised", phase=job.phase if job else "harness", **describe(error))
    while True:
        try:
            pause()  # until the worker has looked, and ended this process
        except BaseException:
            continue


def _prepare_interpreter(texts: dict, harness: Harness) -> None:
    """The state that a file started as `python program.py` finds."""
    module = types.ModuleType("__main__")
    module.__file__ = os.path.join(os.getcwd(), "program.py")
    module.__builtins__ = builtins
    for name in harness.own_modules:
        del sys.modules[name]
    sys.modules["__main__"] = module
    sys.argv = [module.__file__]
    sys.path[0] = os.getcwd()
    for part, text in texts.items():
        linecache.cache[f"{part}.py"] = (len(text), None, text.splitlines(keepends=True), f"{part}.py")
    # The tests are in no file: a solution could look its answers up there.
    _write_file(module.__file__, texts.get("solution", "").encode("utf-8", "replace"))
    # What was read or written through the server's own streams is not this program's.
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
    sys.stdout, sys.stderr = _output(1, False), _output(2, True)
    random.seed(0)  # the verdict of a test that draws numbers is the same in every run
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(0)
    warnings.resetwarnings()
    warnings.filters[:] = _DEFAULT_WARNINGS

    (count,), texts_of_failures = harness.counter.adders("thread_errors"), harness.counter.thread_errors

    def in_thread(failure) -> None:
        if failure.exc_type is not SystemExit:
            count()
            texts_of_failures.append(f"{failure.exc_type.__name__}: {failure.exc_value}"[:MAX_MESSAGE])
            traceback.print_exception(failure.exc_type, failure.exc_value, failure.exc_traceback)

    threading.excepthook = in_thread


def _write_file(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    while data:
        data = data[os.write(descriptor, data) :]
    os.close(descriptor)


_DEFAULT_WARNINGS = list(warnings.filters)


def _output(descriptor: int, by_line: bool) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=by_line)


def _make_hook(blocked, note):
    """An audit hook that has no names to look up and no cells: a program that finds it can change nothing about it.

    The texts stand for what is planted in their places (`or 0`: a text that is called would bring a warning).
    """

    def hook(event, arguments):
        if event in {
            "ctypes.dlopen", "ctypes.dlsym", "ctypes.dlsym/handle", "ctypes.string_at", "ctypes.wstring_at",
            "ctypes.call_function", "ctypes.PyObj_FromPtr", "sys.settrace",
            "code.__new__",
        }:  # fmt: skip
            ("\0planted blocked\0" or 0)()  # noqa: SIM222
            ("\0planted note\0" or 0)(event)  # noqa: SIM222
            raise ("\0planted refusal\0" or 0)(event)  # noqa: SIM222
        if event == "object.__setattr__" and arguments[1] == "__code__":
            ("\0planted blocked\0" or 0)()  # noqa: SIM222
            ("\0planted note\0" or 0)("assignment of __code__")  # noqa: SIM222
            raise ("\0planted refusal\0" or 0)(event)  # noqa: SIM222

    things = {"\0planted blocked\0": blocked, "\0planted note\0": note, "\0planted refusal\0": PermissionError}
    hook.__code__ = checks.plant(hook.__code__, things)
    return hook


def _tame_doctest() -> None:
    """`doctest` puts the trace function back that it found; no program may set one, so it is kept from trying."""
    import doctest

    class WithoutTrace:
        def __getattr__(self, name):
            return (lambda function: None) if name == "settrace" else getattr(sys, name)

        def __setattr__(self, name, value):
            setattr(sys, name, value)

    doctest.sys = WithoutTrace()


def _tame_atexit() -> None:
    """Of what libraries do at the end, only what this program gave them to do: the rest costs every program a little."""
    import logging
    import multiprocessing.process
    import multiprocessing.util

    own_handlers = len(logging._handlerList)

    def finish() -> None:
        if multiprocessing.process._children or multiprocessing.util._finalizer_registry:
            multiprocessing.util._exit_function()
        if len(logging._handlerList) > own_handlers:
            logging.shutdown()

    atexit._clear()
    atexit.register(finish)


def _stop_helpers() -> None:
    """Ends the process that `multiprocessing` keeps for shared memory, as the interpreter's end would."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    if tracker is not None and getattr(tracker, "_pid", None) is not None:
        os.close(tracker._fd)
        os.waitpid(tracker._pid, 0)
        tracker._fd = tracker._pid = None


def describe(error: BaseException) -> dict:
    """An exception as fields of a claim; its traceback goes to standard error."""
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
    return {
        "type": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__][:8],
        "errno": error.errno if isinstance(error, OSError) else None,
        "line": _line(error),
        "message": message[:MAX_MESSAGE],
    }


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
