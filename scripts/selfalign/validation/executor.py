"""Runs programs in the sandbox, each once: what the journal holds is not run again."""

import logging
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from selfalign.io import read_json
from selfalign.journal import Journal
from selfalign.journal_batches import JournalBatches
from selfalign.progress import counted
from selfalign.rows import digest
from selfalign.sandbox import Limits, Program, Result, Sandbox
from selfalign.sandbox.engines import harness_version
from selfalign.sandbox.program import static_verdict
from selfalign.validation.policy import reusable

logger = logging.getLogger(__name__)


class Executor:
    """Results by program, from the journal or the sandbox. Use as a context manager: containers are started when first
    needed, one for all usual runs and one for second runs, and stay until its end.

    Args:
        image: the sandbox image's manifest; its folder is the image.
        limits: of one execution.
        engine, require: see :meth:`Sandbox.open`.
        store: the opened journal.
        workers: programs that run at the same time.

    Attributes:
        spent: executions, what they took, and where they ran.
        anew: the programs that were executed here; the others' results were in the journal, or clear without it.
        known: the programs whose every result was in the journal.
    """

    def __init__(self, image: str, limits: Limits, engine: str, require: str, store: Journal, workers: int):
        self.image, self.limits, self.engine, self.require = Path(image), limits, engine, require
        self.store, self.workers = store, workers
        self.digest = read_json(image)["digest"]
        self.spent: dict = {
            "executed": 0, "without_execution": 0, "cpu_seconds": 0.0, "engine": None, "layers": None
        }  # fmt: skip
        self.anew: set[Program] = set()
        self._found: set[Program] = set()
        self._open: dict[bool, Sandbox] = {}

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *exc) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def run(
        self, programs: Iterable[Program], trials: dict | None = None, second: bool = False
    ) -> dict[Program, Result]:
        """Results of the programs.

        Args:
            trials: what is tried with those that pass, see :meth:`Sandbox.stream`.
            second: as the second run, in its other environment.
        """
        wanted = list(dict.fromkeys(programs))
        results = {program: result for program in wanted if (result := static_verdict(program))}
        self.spent["without_execution"] += len(results)
        keys = {program: self._key(program, trials or {}, second) for program in wanted if program not in results}
        limits = self.limits.as_dict()
        found = self.store.load(set(keys.values()), lambda record: reusable(record, limits))
        known = {program: Result(**found[key]["result"]) for program, key in keys.items() if key in found}
        results |= known
        todo = [program for program in wanted if program not in results]
        self._found.update(known)
        self.anew.update(todo)
        self.spent["executed"] += len(todo)
        if todo:
            sandbox = self._sandbox(second)
            before = sandbox.cpu_seconds
            with JournalBatches(self.store) as batches:
                stream = sandbox.stream(todo, trials)
                for program, result in counted(zip(todo, stream, strict=True), len(todo), "programs"):
                    results[program] = result
                    batches.add(keys[program], {"limits": limits, "result": asdict(result)})
            self.spent |= {"engine": sandbox.engine, "layers": sandbox.layers}
            self.spent["cpu_seconds"] = round(self.spent["cpu_seconds"] + sandbox.cpu_seconds - before, 3)
        return results

    def _sandbox(self, second: bool) -> Sandbox:
        """The running sandbox of a kind: the environment is that of its container."""
        if second not in self._open:
            policy = {"require": self.require, "second": second}
            self._open[second] = Sandbox.open(self.image.parent, self.limits, self.engine, self.workers, **policy)
        return self._open[second]

    @property
    def known(self) -> set[Program]:
        return self._found - self.anew

    def _key(self, program: Program, trials: dict, second: bool) -> str:
        kind = "second run" if second else "run"
        return digest(kind, program.solution, program.tests, trials, self.digest, harness_version())
