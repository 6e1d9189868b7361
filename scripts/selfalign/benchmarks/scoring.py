"""Completions to outcomes, in the sandbox: by a benchmark's own tests, or by EvalPlus."""

from collections import Counter
from collections.abc import Iterator

from selfalign.benchmarks.base import Job
from selfalign.errors import InfrastructureError, UserError
from selfalign.sandbox import Sandbox
from selfalign.sandbox.payload.evalplus_job import STATUSES
from selfalign.sandbox.verdicts import printable

EVALPLUS_MODULES = ("evalplus.eval", "evalplus.gen.util")
"""Imported once in the container."""

INPUT_SECONDS = 20.0
"""Least wall-clock limit of one input. EvalPlus's own 1 s (4 s as used by many) flips verdicts on a busy machine."""
REFERENCE_FACTOR = 10.0
"""Limit of one input as a multiple of the reference solution's time; EvalPlus's own is 4."""
JOB_LIMITS = {"cpu_seconds": 600, "wall_seconds": 1800, "memory_mb": 8192}
"""Of one completion with all its inputs and the reference's run: far above what a right one needs."""

OUTSIDE = {"cpu": "timeout", "wall": "timeout", "memory": "memory", "output": "output_limit", "forbidden": "forbidden"}


def run_tests(sandbox: Sandbox, jobs: list[Job], limits: dict | None = None, **more) -> Iterator[dict]:
    """Outcomes by each problem's `tests`, run after the solution in one namespace.

    Args:
        limits: of one completion, where the sandbox's usual ones are lower.
        more: for the sandbox's requests: `module`, the name that the text runs under where it shall not be `__main__`,
            `libraries` (see :meth:`selfalign.sandbox.Sandbox.judged`).
    """
    if limits:
        more["limits"] = at_least(sandbox, limits)
    requests = ({"solution": answer["solution"], "tests": problem["tests"], **more} for problem, answer in jobs)
    for result in sandbox.judged(requests):
        yield {"passed": result.passed, "verdict": result.verdict, "reason": result.reason}


def at_least(sandbox: Sandbox, limits: dict) -> dict:
    """Limits for a request: those given, or the sandbox's own where they are higher."""
    return {key: max(value, sandbox.limits.as_dict()[key]) for key, value in limits.items()}


def counts_by(field: str, jobs: list[Job], outcomes: list[dict]) -> dict[str, dict]:
    """Completions and right ones by what the problems have in a field."""
    kinds = [str(problem.get(field) or "not said") for problem, _ in jobs]
    right = Counter(kind for kind, outcome in zip(kinds, outcomes, strict=True) if outcome["passed"])
    counts = sorted(Counter(kinds).items())
    return {kind: {"correct": right[kind], "completions": count} for kind, count in counts}


def run_evalplus(sandbox: Sandbox, jobs: list[Job], dataset: str = "humaneval") -> Iterator[dict]:
    """Outcomes by EvalPlus's functions; a problem is solved when base and extra tests are passed.

    Args:
        dataset: EvalPlus's name of the benchmark, by which it compares outputs.

    Raises:
        UserError: the image lacks EvalPlus.
        InfrastructureError: the scorer itself failed.
    """
    limits = at_least(sandbox, JOB_LIMITS)
    requests = (
        {
            "kind": "evalplus",
            "dataset": dataset,
            "problem": problem["evalplus"],
            "solution": answer["solution"],
            "input_seconds": INPUT_SECONDS,
            "factor": REFERENCE_FACTOR,
            "limits": limits,
        }
        for problem, answer in jobs
    )
    for (problem, _), facts in zip(jobs, sandbox.exchange(requests), strict=True):
        yield evalplus_outcome(facts, problem["task_id"])


def evalplus_outcome(facts: dict, task: str) -> dict:
    """The outcome that a worker's facts about a scoring job amount to."""
    report = facts["report"] or {}
    if report.get("state") == "raised" and not facts["killed"]:
        if report.get("type") == "EvalPlusMissingError":
            raise UserError(
                f"EvalPlus can't be imported in the sandbox image: {report.get('message')}",
                where="resources/sandbox",
                fix="rebuild the image: delete resources/sandbox and run `make containers`",
            )
        raise InfrastructureError(
            f"EvalPlus failed on {task}: {report.get('type')}: {report.get('message')}",
            where=printable(facts["stderr_tail"]),
        )
    if facts["proved"] and not facts["killed"]:
        base, plus = (STATUSES[min(facts["counts"][f"score_{part}"], 3)] for part in ("base", "plus"))
    else:
        base = plus = OUTSIDE.get(facts["killed"], "early_exit")
    words = {"pass": "passed", "fail": "assertion_failed"}
    base, plus = words.get(base, base), words.get(plus, plus)
    passed = base == plus == "passed"
    return {
        "passed": passed,
        "verdict": plus if base == "passed" else base,
        "base_passed": base == "passed",
        "base_verdict": base,
        "reason": "" if passed else "in the extra tests" if base == "passed" else "in the base tests",
    }
