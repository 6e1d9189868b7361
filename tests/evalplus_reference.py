"""EvalPlus's own verdicts, taken by `evalplus.evaluate` inside the sandbox, and programs to take them on.

Used by `tests/security/test_evalplus_verdicts.py` and `tests/bench/evalplus_verdicts.py`.
"""

import ast
import contextlib
import functools
import gzip
import json
import multiprocessing
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from selfalign.benchmarks.base import open_benchmark
from selfalign.benchmarks.problems import parse_problems
from selfalign.sandbox import Sandbox
from selfalign.sandbox.payload.variants import mutants

FILES = {"humaneval-plus": "HumanEvalPlus.jsonl.gz", "mbpp-plus": "MbppPlus.jsonl.gz"}
VARIABLES = {"humaneval-plus": "SELFALIGN_HUMANEVAL_PLUS", "mbpp-plus": "SELFALIGN_MBPP"}
"""Kind -> the environment's name for its file, which is in no package."""
LIMITS = {"cpu_seconds": 600, "wall_seconds": 1800, "memory_mb": 8192, "disk_mb": 2048}

_PROGRAM = """
import json, sys, types

job = json.loads({job!r})
for name in ("evalplus.codegen", "fire", "rich", "rich.rule", "termcolor", "tqdm"):  # for its command line alone
    stand_in = types.ModuleType(name)
    stand_in.__getattr__ = lambda wanted: (lambda first=None, *more, **options: first)
    sys.modules[name] = stand_in

import evalplus
import evalplus.evaluate as evaluate
from evalplus.data.mbpp import mbpp_deserialize_inputs
from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS

problem, dataset = job["problem"], job["dataset"]
if dataset == "mbpp":
    for part in ("base_input", "plus_input"):
        problem[part] = mbpp_deserialize_inputs(problem["task_id"], problem[part])
only_not_none = MBPP_OUTPUT_NOT_NONE_TASKS if dataset == "mbpp" else []
truth = evaluate.get_groundtruth({{problem["task_id"]: problem}}, "hash", only_not_none)[problem["task_id"]]
found = evaluate.check_correctness(
    dataset, 0, problem, job["solution"], truth, fast_check=True, **job["limits"]
)
raise SystemExit(json.dumps([found["base"][0], found["plus"][0]]))
"""
GENEROUS = {"min_time_limit": 20.0, "gt_time_limit_factor": 10.0}
"""Limits for `evalplus.evaluate` that a busy machine does not meet; {} for its own ones."""


@dataclass(frozen=True)
class Case:
    """A program for a problem: its canonical solution, or a mutant of that."""

    kind: str
    problem: dict
    name: str
    solution: str


def problem_file(kind: str, root: Path) -> Path:
    return Path(os.environ.get(VARIABLES[kind], root.parent / "shared" / "data" / FILES[kind]))


def read_problems(kind: str, path: Path) -> list[dict]:
    return parse_problems(kind, {"kind": kind}, gzip.decompress(path.read_bytes()), str(path))


def cases(kind: str, problems: Iterable[dict], number: int) -> Iterator[Case]:
    """The canonical solution of each problem, and `number` programs with one small fault each, always the same ones."""
    for problem in problems:
        text = problem["prompt"] + problem["canonical_solution"]
        yield Case(kind, problem, f"{problem['task_id']} canonical", text)
        for place, mutant in enumerate(mutants(functools.partial(ast.parse, text), text, number)):
            yield Case(kind, problem, f"{problem['task_id']} mutant {place}", ast.unparse(mutant))


def our_verdicts(sandbox: Sandbox, programs: list[Case]) -> list[tuple[str, str]]:
    """What the scorer says of base tests, and of base and extra tests together: "pass", "fail" or "timeout"."""
    words = {"passed": "pass", "assertion_failed": "fail"}
    found: dict[int, tuple[str, str]] = {}
    for kind in FILES:
        own = [(index, case) for index, case in enumerate(programs) if case.kind == kind]
        jobs = [(case.problem, {"solution": case.solution}) for _, case in own]
        for (index, _), outcome in zip(own, open_benchmark(kind).score(sandbox, jobs), strict=True):
            found[index] = tuple(words.get(outcome[key], outcome[key]) for key in ("base_verdict", "verdict"))
    return [found[index] for index in range(len(programs))]


def evalplus_verdicts(sandbox: Sandbox, programs: list[Case], limits: dict) -> list[tuple[str, str]]:
    """The same by EvalPlus's `check_correctness`, as its `evaluate` puts base and extra tests together."""

    def request(case: Case) -> dict:
        dataset = {"humaneval-plus": "humaneval", "mbpp-plus": "mbpp"}[case.kind]
        job = {"problem": case.problem["evalplus"], "dataset": dataset, "solution": case.solution, "limits": limits}
        return {"kind": "program", "program": _PROGRAM.format(job=json.dumps(job)), "limits": LIMITS}

    found = []
    for case, facts in zip(programs, sandbox.exchange(map(request, programs)), strict=True):
        told = ((facts["report"] or {}).get("told") or {}).get("reason", "")
        said = re.fullmatch(r'SystemExit: \["(\w+)", "(\w+)"\]', told)
        if not said:
            raise RuntimeError(
                f"EvalPlus gave no verdict on {case.name}: {facts['killed']} {told} {facts['stderr_tail']}"
            )
        base, plus = said.groups()
        found.append((base, plus if base == "pass" else base))
    return found


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Other work for the machine."""
    started = [multiprocessing.Process(target=_count, daemon=True) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            process.join()


def _count() -> None:
    while True:
        pass
