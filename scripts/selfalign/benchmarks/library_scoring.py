"""Scoring of benchmarks whose problems use libraries: what the image lacks is counted apart."""

import ast
import logging
import re
from collections.abc import Callable, Iterator
from itertools import chain

from selfalign.benchmarks.base import Job
from selfalign.benchmarks.scoring import OUTSIDE
from selfalign.errors import InfrastructureError
from selfalign.sandbox import Sandbox
from selfalign.sandbox.payload.benchmark_jobs import STATUSES
from selfalign.sandbox.verdicts import printable

logger = logging.getLogger(__name__)

LIMITS = {"wall_seconds": 1200, "memory_mb": 8192, "processes": 256, "disk_mb": 512, "output_kb": 16384}
"""Of one completion with all its tests, beside its CPU seconds: libraries start threads and map much memory."""
WORDS = {"pass": "passed", "fail": "assertion_failed", "error": "error"}
SYNTAX = ("SyntaxError", "IndentationError", "TabError")
_OPEN_IMPORT = re.compile(r"from\s+([A-Za-z_]\w*)[\w.]*\s+import\s*\(")


def imported_modules(*texts: str) -> list[str]:
    """Names of the top modules that texts import, found line by line: a text may hold code inside a string."""
    names: set[str] = set()
    for line in chain.from_iterable(text.splitlines() for text in texts):
        line = line.strip()
        if not line.startswith(("import ", "from ")):
            continue
        if begun := _OPEN_IMPORT.match(line):
            names.add(begun[1])
            continue
        try:
            (node,) = ast.parse(line).body
        except (SyntaxError, ValueError):
            continue  # prose
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return sorted(names)


def missing_modules(sandbox: Sandbox, names: list[str]) -> dict[str, str]:
    """Those modules that can't be imported in the image, with the reason."""
    request = {"kind": "modules", "names": names, "limits": _limits(sandbox, 600)}
    (facts,) = sandbox.exchange([request])
    if not facts["proved"]:
        raise InfrastructureError(
            "the sandbox could not say which libraries its image has", where=printable(facts["stderr_tail"])
        )
    return facts["report"]["told"]["missing"]


def where_possible(sandbox: Sandbox, jobs: list[Job], score: Callable[[list[Job]], Iterator[dict]]) -> Iterator[dict]:
    """Outcomes. A problem that needs a module which the image lacks is not run: its have `not_run`, the modules' names.

    Args:
        jobs: of problems whose rows have `modules`.
        score: gives the outcomes of those jobs that can be run.
    """
    problems = {problem["task_id"]: problem for problem, _ in jobs}
    missing = missing_modules(sandbox, sorted({name for row in problems.values() for name in row["modules"]}))
    lacking = {task: sorted(set(row["modules"]) & set(missing)) for task, row in problems.items()}
    if missing:
        logger.warning(
            "%d of %d problems are not run, since the sandbox image lacks %s",
            sum(map(bool, lacking.values())), len(problems), ", ".join(missing),
        )  # fmt: skip
    outcomes = score([(row, answer) for row, answer in jobs if not lacking[row["task_id"]]])
    for row, _ in jobs:
        names = lacking[row["task_id"]]
        yield {"passed": False, "verdict": "not_run", "reason": "", "not_run": names} if names else next(outcomes)


def run_library_jobs(
    sandbox: Sandbox, jobs: list[Job], request: Callable[[dict, str], dict], cpu_seconds: float
) -> Iterator[dict]:
    """Outcomes by a job of its own in the sandbox, :func:`where_possible`.

    Args:
        request: makes the sandbox's request of a problem and a program.
        cpu_seconds: limit of one completion with its tests.
    """
    limits = {"limits": _limits(sandbox, cpu_seconds)}

    def score(possible: list[Job]) -> Iterator[dict]:
        requests = ({**request(row, answer["solution"]), **limits} for row, answer in possible)
        return map(outcome, sandbox.exchange(requests))

    return where_possible(sandbox, jobs, score)


def outcome(facts: dict) -> dict:
    """What a worker's facts about a job amount to."""
    report = facts["report"] or {}
    told = report.get("told") or {}
    if facts["proved"] and not facts["killed"]:
        word, reason = WORDS[STATUSES[min(facts["counts"]["score_status"], 3)]], str(told.get("reason", ""))
        if word == "error" and reason.startswith(SYNTAX):
            word = "syntax_error"
        if word == "error" and reason.startswith("MemoryError"):
            word = "memory"
    elif facts["killed"]:
        word, reason = OUTSIDE[facts["killed"]], facts["forbidden"]
    elif report.get("state") == "raised":
        word, reason = "error", f"{report.get('type')}: {report.get('message')}"
    else:
        word, reason = "early_exit", "the process ended before its tests did"
    return {"passed": word == "passed", "verdict": word, "reason": printable(" ".join(reason.split()), 400)}


def _limits(sandbox: Sandbox, cpu_seconds: float) -> dict:
    usual = sandbox.limits.as_dict()
    return {key: max(value, usual[key]) for key, value in {**LIMITS, "cpu_seconds": cpu_seconds}.items()}
