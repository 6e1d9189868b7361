"""Selection policies: which response of a task becomes its pair.

A policy says which responses of a task qualify. Of those, one is drawn by the responses' ids alone
(:func:`draw_one`), so a task gives at most one pair and a rebuild gives the same bytes. With `limit`, a dataset takes
the pairs of lowest id, which are a random subset: ids are hashes.

=========  ==========================================  =====================================================
policy     qualifies                                   arm of the method paper's selection ablation (table 9)
=========  ==========================================  =====================================================
passing    responses that passed                       passes only
failing    responses that did not pass                 failures only (same size: give both the same `limit`)
random     all responses, whatever their verdicts      random, all; with `limit`, random subset
consensus  of those that passed, those which the     none: CodeT's idea; needs `validation.consensus`
           tests of most other samples accept
any        those that passed where there are some,     none: every task gives a pair, proven where possible
           else all of the task
unfiltered all responses; no test is written or run     table 11's baselines, as they were published
=========  ==========================================  =====================================================

A new policy is one function here, its entry in :data:`POLICIES`, and its name in schemas/config.schema.yaml.
"""

from collections.abc import Callable, Sequence

from selfalign.rows import draw

Candidate = tuple[dict, dict]
"""A response and its verdict."""

Policy = Callable[[Sequence[Candidate]], list[Candidate]]
"""All responses of one task -> those that qualify, in any order."""


def passing(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Proven responses; a task without one gives no pair."""
    return [candidate for candidate in candidates if candidate[1]["passed"]]


def consensus(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Of the proven responses, those that agree best with the task's other samples."""
    passed = passing(candidates)
    best = max((verdict["consensus"] or 0.0 for _, verdict in passed), default=0.0)
    return [candidate for candidate in passed if (candidate[1]["consensus"] or 0.0) == best]


def failing(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Responses that did not pass: the arm that shows what verification is worth."""
    return [candidate for candidate in candidates if not candidate[1]["passed"]]


def random(candidates: Sequence[Candidate]) -> list[Candidate]:
    """All responses: the verdict plays no part, so pairs pass as often as responses do."""
    return list(candidates)


def unfiltered(candidates: Sequence[Candidate]) -> list[Candidate]:
    """All responses, none of them judged: no tests are written or run on this policy's behalf."""
    return list(candidates)


def any_response(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Proven responses where the task has one, else all: no task is lost."""
    return passing(candidates) or list(candidates)


POLICIES: dict[str, Policy] = {
    "passing": passing,
    "consensus": consensus,
    "failing": failing,
    "random": random,
    "any": any_response,
    "unfiltered": unfiltered,
}


def draw_one(candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate whose id draws the lowest number, None among none.

    More samples of a task change the choice only if one of the new ones draws lower than all the old.
    """
    return min(candidates, key=lambda pair: (draw(pair[0]["id"], "selection"), pair[0]["id"]), default=None)
