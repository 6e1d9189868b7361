"""Runs solution and tests in one namespace that is really `__main__`, and says what happened.

Made once, in the worker, before any program: the wrapped `unittest`, the snapshot of what checks are made of, and the
generator whose position proves the end (see `proof.py`). What a program's process says of itself is a claim; that the
tests came to their end, and how many checks held, is read from its memory by the process that started it.
"""

import gc
import itertools
import json
import os
import signal
import sys
import threading
import types
import unittest
import unittest.mock
from collections.abc import Callable
from typing import NamedTuple

from . import (
    OWN_BUILTINS,
    checks,
    claims,
    ending,
    equality,
    hook,
    interpreter,
    proof,
    pytest_style,
    tampering,
    written,
)


class Blocked(Exception):
    """A program tried what the harness does not let it do."""


class Harness:
    """What a worker prepares for all its programs.

    Attributes:
        generator: at its first `yield`; the code that a program runs under.
        counter: of checks.
        guarded: addresses of words that no program may change, see :func:`proof.guarded_words`.
    """

    def __init__(self):
        self.counter = checks.Counter()
        self.blocked: list[str] = []
        self.scores = {part: itertools.count() for part in ("base", "plus", "status")}
        checks.count_unittest(self.counter)
        self.steps = ending.steps()
        equality.trust_loaded_modules()
        (failed,) = self.counter.adders("thread_errors")
        interpreter.count_failures_of_threads(failed, self.counter.thread_errors)
        own = __name__.split(".")[0]
        modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] == own}
        interpreter.prepare(modules)
        self.changed = tampering.snapshot()
        self.hook = hook.make(*self.counter.adders("blocked"), self.blocked.append)
        self.encode = json.JSONEncoder().encode
        self.generator = _run()
        next(self.generator)
        self.guarded = self._guarded(modules)
        gc.collect()
        gc.freeze()  # what all programs share is not looked through again by each of them

    @property
    def counters(self) -> dict:
        return self.counter.counts | {f"score_{part}": count for part, count in self.scores.items()}

    def _guarded(self, own: dict[str, types.ModuleType]) -> list[int]:
        """Addresses of what tells, from outside, whether a program has changed the harness."""
        modules = [module for name, module in own.items() if "." in name]
        owned = {id(vars(module)) for module in modules}
        kinds = [kind for module in modules for kind in vars(module).values() if isinstance(kind, type)]
        own_kinds = [kind for kind in kinds if kind.__module__ in own]
        patched = (unittest.TestCase, unittest.TestResult, unittest.mock.NonCallableMock)
        things = [vars(place).values() for place in (*modules, *own_kinds, *patched)]
        functions = [getattr(thing, "__func__", thing) for group in things for thing in group]
        functions = [f for f in functions if isinstance(f, types.FunctionType) and id(f.__globals__) in owned]
        # A class shows a view of its namespace, which holds the dictionary itself.
        spaces = [vars(module) for module in modules] + [gc.get_referents(vars(kind))[0] for kind in own_kinds]
        hooks = (self.changed, self.hook, self.steps[0], threading.excepthook)
        return proof.guarded_words([*functions, *hooks], [OWN_BUILTINS, *spaces])


def _run():
    """The generator. A program can find what it uses, and a change of that is seen from outside: see `guarded`."""
    job = yield
    if job.score is not None:
        job.score()
    else:
        execute, tests, namespace, outline, entered = exec, job.tests, job.namespace, job.outline, job.entered
        changed, uncalled, settle, enter = job.changed, pytest_style.run_uncalled, job.settle, job.enter
        steps = job.steps
        execute(job.solution, namespace)
        settle(changed())
        enter("tests")
        execute(tests, namespace)
        uncalled(namespace, outline, entered)
        settle(changed())
        enter("exit")
        for step in steps:
            step()
    yield


class Prepared(NamedTuple):
    """A program as the worker hands it over: two texts and what was made of them; or a benchmark's job.

    Attributes:
        outline: of the tests.
        module: the name that the program runs under.
        seen: what stands in the solution's code for a function that takes the lines which were reached; or "".
        terse: of a failure only says in which part it was: a traceback takes longer to write than most programs to run.
        score: takes the counters of scores and a dict for what else there is to tell.
    """

    solution: types.CodeType | None = None
    tests: types.CodeType | None = None
    outline: written.Outline | None = None
    solution_text: str = ""
    tests_text: str = ""
    module: str = "__main__"
    seen: str = ""
    terse: bool = False
    score: Callable[[dict, dict], None] | None = None


class Job:
    """One program as the generator gets it."""

    def __init__(self, harness: Harness, prepared: Prepared, solution, score):
        self.solution, self.tests, self.score = solution, prepared.tests, score
        self.outline = prepared.outline
        self.changed, self.entered, self.steps = harness.changed, harness.counter.entered, harness.steps
        self.phase = "solution"
        self.namespace = sys.modules["__main__"].__dict__
        self.namespace["__name__"] = prepared.module

    def enter(self, phase: str) -> None:
        self.phase = phase

    @staticmethod
    def settle(changed: str) -> None:
        if changed:
            raise Blocked(f"replaced {changed}")


def become(harness: Harness, prepared: Prepared, folder: str, claim: int) -> None:
    """Runs a prepared program in this process and claims what became of it. Does not return.

    Args:
        folder: that it starts in.
        claim: descriptor that claims go to.
    """
    process, write, leave, pause = os.getpid(), os.write, os._exit, signal.pause
    whoami, encode = os.getpid, harness.encode
    seen: set[int] = set()

    def say(state: str, **more) -> None:
        if whoami() != process:
            leave(0)  # a fork of the program came here
        record = {"state": state, "seen": sorted(seen), "blocked": harness.blocked[:3], **more}
        write(claim, encode(record).encode() + b"\n")

    job, told = None, {}
    try:
        interpreter.settle_in(folder, prepared.solution_text, prepared.tests_text)
        solution = checks.plant(prepared.solution, {prepared.seen: seen.add}) if prepared.seen else prepared.solution
        score = prepared.score and (lambda: prepared.score(harness.scores, told))
        job = Job(harness, prepared, solution, score)
        if score is None:
            sys.addaudithook(harness.hook)
        harness.generator.send(job)
        say("end", thread_errors=harness.counter.thread_errors[:3], told=told)
    except SystemExit as error:
        say("exit", phase=job.phase if job else "", message=str(error.code)[: claims.MAX_MESSAGE])
    except BaseException as error:
        more = {} if prepared.terse else claims.describe(error)
        say("raised", phase=job.phase if job else "harness", **more)
    while True:
        try:
            pause()  # until the worker has looked, and ended this process
        except BaseException:
            continue
