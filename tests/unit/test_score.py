"""From outcomes of completions to a result, without a sandbox."""

import pytest

import score
from selfalign.benchmarks.base import Benchmark, open_benchmark
from selfalign.benchmarks.scoring import evalplus_outcome
from selfalign.errors import InfrastructureError, UserError
from selfalign.sandbox.payload.evalplus_job import STATUSES

PROBLEMS = [{"task_id": f"T/{n}", "kind": "humaneval"} for n in range(4)]


def answers(samples: int) -> list[dict]:
    return [
        {"task_id": problem["task_id"], "sample": sample, "truncated": sample == 1}
        for sample in reversed(range(samples))
        for problem in PROBLEMS
    ]


def summary(right: list[list[bool]]) -> dict:
    """Result of problems whose samples are right as given."""
    grouped = score.group_answers(PROBLEMS, answers(len(right[0])))
    jobs = [(problem, answer) for problem in PROBLEMS for answer in grouped[problem["task_id"]]]
    words = {True: "passed", False: "error"}
    return score.summarise(PROBLEMS, jobs, [{"passed": ok, "verdict": words[ok]} for row in right for ok in row])


def test_greedy_scores():
    result = summary([[True], [False], [True], [True]])
    assert (result["problems"], result["samples"], result["correct"], result["pass_at_1"]) == (4, 1, 3, 0.75)
    assert result["interval_method"].startswith("Wilson") and result["pass_at_k"] == {"1": 0.75}
    assert result["verdicts"] == {"error": 1, "passed": 3}
    assert [item["passed"] for item in result["per_problem"]] == [True, False, True, True]


def test_scores_of_several_samples():
    right = [[True] * 10, [False] * 10, [True] + [False] * 9, [False, True] * 5]
    result = summary(right)
    assert result["pass_at_1"] == pytest.approx((1 + 0 + 0.1 + 0.5) / 4)
    assert result["pass_at_k"]["10"] == pytest.approx(3 / 4) and "100" not in result["pass_at_k"]
    assert result["interval_method"].startswith("normal") and result["truncated"] == 4
    assert [item["correct"] for item in result["per_problem"]] == [10, 0, 1, 5]


@pytest.mark.parametrize(("right", "bound"), [(False, (0, 0.6)), (True, (0.4, 1))])
def test_the_interval_of_samples_that_are_all_right_or_all_wrong_has_a_width(right, bound):
    result = summary([[right] * 20] * 4)
    assert result["pass_at_1"] == right and result["interval_method"].startswith("Wilson")
    low, high = result["interval95"]
    assert (low, high) == tuple(summary([[right]] * 4)["interval95"]), (
        "as for one sample: there are four problems, not eighty"
    )
    assert low <= result["pass_at_1"] <= high and high - low > 0.4 and bound[0] <= low and high <= bound[1]


def test_every_problem_needs_the_same_number_of_completions():
    with pytest.raises(UserError, match="'T/3' has 0"):
        score.group_answers(PROBLEMS, [answer for answer in answers(1) if answer["task_id"] != "T/3"])
    beyond_limit = score.group_answers(PROBLEMS[:2], answers(2))
    assert list(beyond_limit) == ["T/0", "T/1"] and [a["sample"] for a in beyond_limit["T/0"]] == [0, 1]


def test_seeds_are_left_out_of_how_completions_were_made():
    row = {"generated": {"model": "m", "sampling": {"temperature": 0, "seed": 5}}}
    assert score.first_generated([row]) == {"model": "m", "sampling": {"temperature": 0}}
    assert score.first_generated([]) == {}


class Proved(Benchmark):
    """A benchmark that passes what says so."""

    proved = True

    def score(self, sandbox, jobs):
        for _, answer in jobs:
            yield {"passed": answer["solution"] == "right", "verdict": "error", "reason": "no module"}


def test_problems_that_nobody_can_solve_in_this_image_are_named():
    problems = [{"task_id": "T/0", "canonical_solution": "right"}, {"task_id": "T/1", "canonical_solution": "wrong"}]
    assert score.failed_references(Proved(), None, problems) == {"reference_failed": {"T/1": "error: no module"}}
    assert score.failed_references(Proved(), None, problems[:1]) == {"reference_failed": {}}
    assert score.failed_references(open_benchmark("humaneval"), None, problems) == {}


def evalplus_facts(base: str, plus: str, **more) -> dict:
    counts = {f"score_{part}": STATUSES.index(status) for part, status in (("base", base), ("plus", plus))}
    return {"report": {"state": "end"}, "proved": True, "counts": counts, "killed": None, "stderr_tail": "", **more}


@pytest.mark.parametrize(
    ("base", "plus", "verdict", "passed", "base_passed"),
    [
        ("pass", "pass", "passed", True, True),
        ("pass", "fail", "assertion_failed", False, True),
        ("pass", "timeout", "timeout", False, True),
        ("fail", "fail", "assertion_failed", False, False),
        ("timeout", "fail", "timeout", False, False),
    ],
)
def test_evalplus_outcomes(base, plus, verdict, passed, base_passed):
    outcome = evalplus_outcome(evalplus_facts(base, plus), "T/0")
    assert (outcome["verdict"], outcome["passed"], outcome["base_passed"]) == (verdict, passed, base_passed)


def test_a_completion_that_breaks_the_scorer_from_within_has_failed():
    assert evalplus_outcome(evalplus_facts("pass", "pass", proved=False), "T/0")["verdict"] == "early_exit"
    assert evalplus_outcome(evalplus_facts("pass", "pass", killed="memory"), "T/0")["passed"] is False


def test_the_scorers_own_faults_are_no_failures_of_the_model():
    broken = {
        "report": {"state": "raised", "type": "EvalPlusMissingError", "message": "no evalplus"},
        "killed": None,
        "stderr_tail": "",
    }
    with pytest.raises(UserError, match=r"(?s)can't be imported.*make containers"):
        evalplus_outcome(broken, "T/0")
    broken["report"]["type"] = "KeyError"
    with pytest.raises(InfrastructureError, match="T/0"):
        evalplus_outcome(broken, "T/0")
