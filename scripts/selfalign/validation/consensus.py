"""Every sample of a task against the tests of its other samples.

The idea is that of CodeT (arXiv 2207.10397) and of AlphaCode's clustering: solutions that many independently written tests
accept are more often right. A solution whose function has another name than the others' fails their tests: agreement is on
the interface too.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from selfalign.sandbox import Program, Result


def agreement(rows: Iterable[dict], run: Callable[[Iterable[Program]], dict[Program, Result]]) -> dict[str, float]:
    """Response id -> share of the task's other samples whose tests its solution passes.

    Args:
        rows: responses, those of a task all among them.
        run: gives results by program.

    Returns:
        Nothing for tasks with one sample.
    """
    tasks: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        tasks[row["task_id"]].append(row)
    pairs = {
        (row["id"], other["id"]): Program(row["solution"], other["tests"])
        for samples in tasks.values()
        for row in samples
        for other in samples
        if row["id"] != other["id"]
    }
    results = run(pairs.values())
    scores: dict[str, list[bool]] = defaultdict(list)
    for (response, _), program in pairs.items():
        scores[response].append(results[program].passed)
    return {response: round(sum(passed) / len(passed), 4) for response, passed in scores.items()}
