"""The one comparison of two sides that scores, evaluation and report rest on."""

import pytest

from selfalign.comparison import compare, judge
from selfalign.statistics import mcnemar_exact, paired_difference_interval

BASE = [(0, 4), (4, 4), (1, 4), (2, 4), (0, 4), (3, 4), (0, 4), (2, 4)]
TUNED = [(3, 4), (4, 4), (3, 4), (1, 4), (2, 4), (4, 4), (1, 4), (2, 4)]


def run(right, candidate="c"):
    """A result whose problems have so many right answers of so many, the right ones first."""
    listed = [
        {"task_id": f"T/{n}", "passed": correct > 0, "correct": correct, "samples": samples}
        for n, (correct, samples) in enumerate(right)
    ]
    return {"candidate": candidate, "per_problem": listed}


def test_all_samples_are_in_the_test():
    """In quarters the differences are 3, 0, 2, -1, 2, 1, 1, 0. Of the 64 ways to flip six signs those reach a sum of 8 or more
    that leave all positive or flip one of the three ones, and as many -8: 8 / 64, as `scipy.stats.permutation_test`
    (1.17.1) has it; the interval is that of `scipy.stats.bootstrap(method="percentile")` with a million draws."""
    found = compare([run(BASE)], [run(TUNED)])
    assert (found["problems"], found["difference"], found["p_value"]) == (8, 0.25, 0.125)
    assert found["interval95"] == found["bootstrap95"] == pytest.approx([0.03125, 0.46875], abs=0.032)
    assert found["interval_method"].startswith("paired bootstrap")
    assert {key: found[key] for key in ("both", "neither", "gained", "lost")} == {
        "both": 5, "neither": 0, "gained": 3, "lost": 0}  # fmt: skip
    assert found["p_mcnemar"] == 2 / 2**3, "the first answers alone: three gained, none lost"


def test_repeats_with_other_numbers_of_samples_are_the_same_answers_counted_together():
    halves = [[(min(correct, 2), 2) for correct, _ in TUNED], [(max(correct - 2, 0), 2) for correct, _ in TUNED]]
    whole = compare([run(BASE)], [run(TUNED)])
    repeats = compare([run(BASE)], [run(halves[0], "tuned"), run(halves[1], "tuned-repeat-2")])
    assert repeats == whole
    greedy = [(int(correct > 1), 1) for correct, _ in BASE]
    # In quarters: -0 + 3, 4 - 4, 3 - 0, 1 - 4, 2 - 0, 4 - 4, 1 - 0, 2 - 4, whose sum is 4. Of 2^6 flips 40 reach it.
    mixed = compare([run(greedy)], [run(TUNED)])
    assert mixed["difference"] == 4 / 4 / 8 and mixed["p_value"] == 40 / 64


def test_one_answer_a_problem_is_mcnemars_test_with_an_interval_that_has_a_width():
    base, tuned = [(1, 1)] * 3 + [(0, 1)] * 9, [(0, 1)] * 2 + [(1, 1)] * 8 + [(0, 1)] * 2
    found = compare([run(base)], [run(tuned)])
    assert (found["gained"], found["lost"], found["both"], found["neither"]) == (7, 2, 1, 2)
    assert found["p_value"] == pytest.approx(0.1796875) == found["p_mcnemar"], "scipy.stats.binomtest(2, 9)"
    assert found["p_mcnemar"] == mcnemar_exact(7, 2)
    assert found["interval95"] == list(paired_difference_interval(7, 2, 12))
    same = compare([run(base)], [run(base)])
    assert same["bootstrap95"] == [0, 0] and same["interval95"][0] < 0 < same["interval95"][1] and same["p_value"] == 1


def test_other_problems_are_refused():
    with pytest.raises(ValueError, match="'T/1'"):
        compare([run(BASE[:2])], [run(TUNED[:1])])
    with pytest.raises(ValueError, match="no problem"):
        compare([run([])], [run([])])


def test_the_number_of_comparisons_counts():
    """Holm by hand: 4 x 0.01, then no less than that: 3 x 0.012, 2 x 0.02, 1 x 0.04."""
    rows = [
        {"p_value": 0.01, "interval95": [0.1, 0.2]},
        {"p_value": 0.04, "interval95": [0.1, 0.2]},
        {"p_value": 0.02, "interval95": [0.0, 0.2]},
        {"p_value": 0.012, "interval95": [-0.3, -0.1]},
    ]
    judge(rows)
    assert [row["p_holm"] for row in rows] == pytest.approx([0.04] * 4)
    assert [row["real"] for row in rows] == [True, True, False, True], "an interval that touches zero shows nothing"
    judge(pair := [rows[1], {"p_value": 0.5, "interval95": [-1, 1]}])
    assert [row["p_holm"] for row in pair] == [0.08, 0.5] and not pair[0]["real"]
