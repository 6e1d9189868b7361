"""Completions to CPU time, matched against EvalPerf's references: Differential Performance Scores."""

from collections.abc import Iterator
from itertools import pairwise
from statistics import mean

from selfalign.benchmarks.base import Job
from selfalign.benchmarks.scoring import run_evalplus
from selfalign.errors import InfrastructureError
from selfalign.sandbox import Sandbox
from selfalign.sandbox.verdicts import printable

ROUNDS, SHORT_ROUNDS = 5, 30
"""Runs of every solution, and of one that takes under 20 ms; the least time counts. EvalPerf counts instructions, which
hardly vary, once."""
RUN_SECONDS = 45
"""CPU limit of one run; EvalPerf's own limit is as much wall-clock time (PERF_EVAL_TIMEOUT_SECOND)."""
TOLERANCE = 1.1
"""A solution matches a reference that it is at most so many times as slow as. EvalPerf's references stand for groups that
are at least a tenth apart (perf/select_pe_tasks.py, `adaptive_seg1d`), and has no tolerance, since counts need none."""
SLACK_SECONDS = 5e-6
"""What the least of 30 times of one and the same call of 15 µs was seen to vary by (docs/benchmarks.md)."""
MIN_CORRECT = 10
"""Right completions that a problem needs to be measured, where there are so many samples (evalperf.py, `min_correct`)."""
MEMORY_MB = 12 * 1024
"""As EvalPerf's PERF_RAM_GB_PER_PROC."""
QUIET_SHARE = 4
"""One job of measuring for so many workers, so that caches and sibling threads are left to it, as in EvalPerf."""


def run_correctness(sandbox: Sandbox, jobs: list[Job]) -> list[dict]:
    """Outcomes by HumanEval+'s and MBPP+'s tests, in the order of the jobs."""
    outcomes: dict[int, dict] = {}
    for dataset in ("humaneval", "mbpp"):
        own = [(index, job) for index, job in enumerate(jobs) if job[0]["dataset"] == dataset]
        results = run_evalplus(sandbox, [job for _, job in own], dataset)
        outcomes |= {index: result for (index, _), result in zip(own, results, strict=True)}
    return [outcomes[index] for index in range(len(jobs))]


def measured(jobs: list[Job], outcomes: list[dict]) -> dict[str, list[int]]:
    """Task -> places of the completions to measure: the first right ones of tasks that have enough of them.

    EvalPerf's rule wants ten right completions of a hundred and measures at most twice as many. With fewer than ten
    samples a task is measured that has one right completion, as in the paper.
    """
    samples = max(sum(row["task_id"] == jobs[0][0]["task_id"] for row, _ in jobs), 1)
    least = MIN_CORRECT if samples >= MIN_CORRECT else 1
    right: dict[str, list[int]] = {}
    for index, ((problem, _), outcome) in enumerate(zip(jobs, outcomes, strict=True)):
        if outcome["passed"]:
            right.setdefault(problem["task_id"], []).append(index)
    return {task: places[: 2 * MIN_CORRECT] for task, places in right.items() if len(places) >= least}


def run_measurements(sandbox: Sandbox, jobs: list[Job], chosen: dict[str, list[int]]) -> Iterator[tuple[str, dict]]:
    """For each task its references' and completions' least CPU seconds: `references` and `solutions` (by text)."""
    tasks = list(chosen)
    texts = {task: list(dict.fromkeys(jobs[index][1]["solution"] for index in chosen[task])) for task in tasks}
    usual = sandbox.limits.as_dict()

    def request(task: str) -> dict:
        problem = jobs[chosen[task][0]][0]
        seconds = ROUNDS * RUN_SECONDS * (len(texts[task]) + len(problem["evalperf"]["references"]))
        limits = {"cpu_seconds": seconds, "wall_seconds": 5 * seconds, "memory_mb": max(MEMORY_MB, usual["memory_mb"])}
        return {
            "kind": "evalperf",
            "task_id": task,
            "entry_point": problem["entry_point"],
            "input": problem["evalperf"]["input"],
            "references": problem["evalperf"]["references"],
            "solutions": texts[task],
            "rounds": ROUNDS,
            "short_rounds": SHORT_ROUNDS,
            "run_seconds": RUN_SECONDS,
            "limits": limits,
        }

    answers = sandbox.exchange(map(request, tasks), at_once=max(1, sandbox.workers // QUIET_SHARE))
    for task, facts in zip(tasks, answers, strict=True):
        if not facts["proved"] or facts["killed"]:
            raise InfrastructureError(
                f"the CPU time of {task} could not be measured: {facts['killed'] or facts['report']}",
                where=printable(facts["stderr_tail"]),
            )
        told = facts["report"]["told"]
        yield (
            task,
            {"references": told["references"], "solutions": dict(zip(texts[task], told["solutions"], strict=True))},
        )


def keeps_up(seconds: float, with_seconds: float) -> bool:
    return seconds <= TOLERANCE * with_seconds + SLACK_SECONDS


def match(seconds: float | None, references: list[float | None], scores: list[float]) -> tuple[float, float]:
    """DPS and normalised DPS, 0 to 100, of a solution: those of the fastest reference that it keeps up with.

    References stand from slow to fast. One that failed here matches nothing.
    """
    if seconds is not None:
        for place in range(len(references) - 1, -1, -1):
            if references[place] is not None and keeps_up(seconds, references[place]):
                return scores[place], 100 * (place + 1) / len(references)
    return 0.0, 0.0


def task_scores(times: dict, solutions: list[str], scores: list[float]) -> dict:
    """A task's mean scores over the completions that were measured, and whether the references came out in order."""
    found = [match(times["solutions"][text], times["references"], scores) for text in solutions]
    known = [seconds for seconds in times["references"] if seconds is not None]
    return {
        "dps": mean(dps for dps, _ in found),
        "dps_norm": mean(norm for _, norm in found),
        "measured": len(found),
        "references_in_order": all(keeps_up(fast, slow) for slow, fast in pairwise(known)),
        "references_failed": len(times["references"]) - len(known),
    }
