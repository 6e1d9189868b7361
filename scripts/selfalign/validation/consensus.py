"""Every sample of a task against the tests of its other samples.

The idea is that of CodeT (arXiv 2207.10397) and of AlphaCode's clustering: solutions that many independently written tests
accept are more often right. A solution whose function has another name than the others' fails their tests: agreement is on
the interface too.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from selfalign.sandbox import Program, Result


def agreement(
    rows: Iterable[dict], results: Mapping[Program, Result], run: Callable[[Iterable[Program]], dict[Program, Result]]
) -> dict[str, float]:
    """Response id -> share of the task's other samples with sound tests whose tests its solution passes.

    Tests are sound that their own solution passed by the policy, and that failed on a stub where one was tried: others, such
    as `assert f(1) == f(1)`, agree with every solution, or with none.

    Args:
        rows: responses, those of a task all among them.
        results: the responses' own verdicts by program.
        run: gives results by program.

    Returns:
        Nothing for a response whose task has no other sample with sound tests.
    """
    tasks: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        tasks[row["task_id"]].append(row)
    pairs = {
        (row["id"], other["id"]): Program(row["solution"], other["tests"])
        for samples in tasks.values()
        for other in samples
        if _sound(results[Program(other["solution"], other["tests"])])
        for row in samples
        if row["id"] != other["id"]
    }
    found = run(pairs.values())
    scores: dict[str, list[bool]] = defaultdict(list)
    for (response, _), program in pairs.items():
        scores[response].append(found[program].passed)
    return {response: round(sum(passed) / len(passed), 4) for response, passed in scores.items()}


def _sound(result: Result) -> bool:
    return result.passed and not result.stub_passed
