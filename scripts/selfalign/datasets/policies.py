"""Selection policies: which response of a task becomes its pair.

Each takes at most one response a task, drawn by the ids alone, so that a rebuild gives the same bytes. A new policy is a
function here and its name in the schema.
"""

from collections.abc import Callable

from selfalign.rows import draw

Candidate = tuple[dict, dict]
"""A response and its verdict."""


def passing(candidates: list[Candidate]) -> Candidate | None:
    """One of the responses that passed; tasks without one give no pair."""
    return _draw([pair for pair in candidates if pair[1]["passed"]])


def failing(candidates: list[Candidate]) -> Candidate | None:
    """One of the responses that did not pass: the ablation that shows what verification is worth."""
    return _draw([pair for pair in candidates if not pair[1]["passed"]])


def random(candidates: list[Candidate]) -> Candidate | None:
    """One of all responses, whatever its verdict."""
    return _draw(candidates)


def any_response(candidates: list[Candidate]) -> Candidate | None:
    """One for every task: one that passed where there is one, else one that did not."""
    return passing(candidates) or failing(candidates)


POLICIES: dict[str, Callable[[list[Candidate]], Candidate | None]] = {
    "passing": passing,
    "any": any_response,
    "failing": failing,
    "random": random,
}


def _draw(candidates: list[Candidate]) -> Candidate | None:
    """The candidate whose id draws the lowest number: adding one to a task changes the choice only to that one."""
    return min(candidates, key=lambda pair: (draw(pair[0]["id"], "selection"), pair[0]["id"]), default=None)
