"""Intervals and tests against published or independently computed values."""

from itertools import combinations, product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfalign.statistics import (
    mcnemar_exact,
    mean_interval,
    paired_difference_interval,
    pass_at_k,
    sign_flip_exact,
    wilson,
)


def test_wilson_against_a_published_value():
    """Newcombe 1998, table I: 81 of 263 and 0 of 20, 95 %."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_within_bounds(case):
    low, high = wilson(*case)
    assert 0 <= low <= case[0] / case[1] + 1e-12 and case[0] / case[1] - 1e-12 <= high <= 1


@given(st.integers(1, 7).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(case):
    samples, correct, k = case
    draws = list(combinations(range(samples), k))
    assert pass_at_k(samples, correct, k) == pytest.approx(sum(min(draw) < correct for draw in draws) / len(draws))


@pytest.mark.parametrize("arguments", [(3, 4, 1), (3, 1, 4), (3, -1, 1), (3, 1, 0)])
def test_impossible_counts_are_refused(arguments):
    with pytest.raises(ValueError):
        pass_at_k(*arguments)


def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs():
    assert mcnemar_exact(0, 0) == 1.0 and mcnemar_exact(5, 5) == 1.0
    assert mcnemar_exact(10, 0) == pytest.approx(2 / 2**10)
    assert mcnemar_exact(3, 12) == pytest.approx(2 * sum(comb(15, n) for n in range(4)) / 2**15)
    assert mcnemar_exact(3, 12) == mcnemar_exact(12, 3)


def test_interval_of_a_paired_difference():
    """Worked by hand: 11/102 - 4/102 = 0.068627, sqrt((0.147059 - 0.004710) / 102) = 0.037358, times 1.959964."""
    low, high = paired_difference_interval(10, 3, 100)
    assert (low, high) == pytest.approx((-0.004592, 0.141847), abs=2e-6)
    assert low < (10 - 3) / 100 < high


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 7))
def test_flipped_signs_of_single_answers_are_mcnemars_test(gained, lost, unit):
    differences = [unit] * gained + [-unit] * lost + [0] * 3
    assert sign_flip_exact(differences) == pytest.approx(mcnemar_exact(gained, lost))


@given(st.lists(st.integers(-4, 4), max_size=9))
def test_flipped_signs_agree_with_trying_them_all(differences):
    flips = list(product((1, -1), repeat=len(differences)))
    sums = [abs(sum(sign * value for sign, value in zip(signs, differences, strict=True))) for signs in flips]
    share = sum(value >= abs(sum(differences)) for value in sums) / len(flips)
    assert sign_flip_exact(differences) == pytest.approx(share)


def test_interval_of_a_mean():
    assert mean_interval([0.5] * 9) == (0.5, 0.5)
    assert mean_interval([1.0]) == (0.0, 1.0)
    low, high = mean_interval([0.0, 1.0] * 50)
    assert high - 0.5 == pytest.approx(0.5 - low) and high == pytest.approx(0.5 + 1.96 * 0.0502519, abs=1e-4)
