"""Scores and their differences with their uncertainty; `comparison.py` says which of it serves whom."""

from collections.abc import Sequence
from math import comb, gcd, sqrt

import numpy

Z95 = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (E. B. Wilson 1927)."""
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is no proportion")
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Unbiased estimate of the chance that one of k samples is right (Chen et al. 2021, equation 1).

    Args:
        samples: drawn for a problem, at least k.
        correct: how many of them are right.
    """
    if not 0 <= correct <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {correct} right among {samples}")
    return 1.0 - comb(samples - correct, k) / comb(samples, k)


def mean_interval(values: Sequence[float], z: float = Z95) -> tuple[float, float]:
    """Normal interval of a mean over problems, for scores that are themselves means over samples; within [0, 1]."""
    count = len(values)
    mean = sum(values) / count
    if count == 1:
        return 0.0, 1.0
    error = z * sqrt(sum((value - mean) ** 2 for value in values) / (count - 1) / count)
    return max(0.0, mean - error), min(1.0, mean + error)


def score_interval(means: Sequence[float]) -> tuple[tuple[float, float], str]:
    """95 % interval of a score over problems, and the method in words.

    Args:
        means: each problem's mean score, over samples and repeats; where all are 0 or 1, a normal interval of scores at
            the end of the scale would have no width, and Wilson's has one.
    """
    if all(value in (0, 1) for value in means):
        return wilson(round(sum(means)), len(means)), "Wilson, over problems"
    return mean_interval(means), "normal, over problems' mean scores"


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided exact p-value of McNemar's test: the discordant pairs against a fair coin.

    Args:
        gained: problems that only the second solves.
        lost: problems that only the first solves.
    """
    discordant = gained + lost
    tail = sum(comb(discordant, count) for count in range(min(gained, lost) + 1)) / 2**discordant
    return min(1.0, 2 * tail)


def paired_difference_interval(gained: int, lost: int, pairs: int, z: float = Z95) -> tuple[float, float]:
    """Adjusted Wald interval of the difference of two paired proportions (Bonett and Price 2012)."""
    up, down = (gained + 1) / (pairs + 2), (lost + 1) / (pairs + 2)
    error = z * sqrt((up + down - (up - down) ** 2) / (pairs + 2))
    return max(-1.0, up - down - error), min(1.0, up - down + error)


def paired_bootstrap(differences: Sequence[float], resamples: int = 10_000, share: float = 0.95) -> tuple[float, float]:
    """Percentile interval of a mean difference over problems, by drawing problems with replacement (B. Efron 1979).

    For scores that are means over samples or repeats, of which McNemar's test knows nothing. The draws are the same for
    the same number of problems, so that a report can be made again.
    """
    values = numpy.asarray(differences, dtype=float)
    if not values.size:
        raise ValueError("there is no problem to compare on")
    generator = numpy.random.Generator(numpy.random.PCG64(values.size))
    means = numpy.empty(resamples)
    for start in range(0, resamples, 1000):  # memory: a thousand resamples at a time
        part = min(1000, resamples - start)
        means[start : start + part] = values[generator.integers(0, values.size, (part, values.size))].mean(axis=1)
    low, high = numpy.quantile(means, ((1 - share) / 2, (1 + share) / 2))
    return float(low), float(high)


def difference_interval(differences: Sequence[float]) -> tuple[tuple[float, float], str]:
    """95 % interval of the mean of paired differences, and the method in words.

    Args:
        differences: by problem; where all are -1, 0 or 1 (one answer a problem), a bootstrap of few problems is too narrow, and
            without any width where both sides solved the same ones.
    """
    if all(value in (-1, 0, 1) for value in differences):
        gained, lost = (sum(value == sign for value in differences) for sign in (1, -1))
        interval = paired_difference_interval(gained, lost, len(differences))
        return interval, "adjusted Wald (Bonett and Price 2012), over problems"
    return paired_bootstrap(differences), "paired bootstrap, over problems"


def sign_flip_exact(differences: Sequence[int]) -> float:
    """Two-sided exact p-value of paired differences, by flipping the sign of each (R. A. Fisher 1935).

    For right answers of several samples or repeats, which are no independent problems: a problem's are flipped together.
    Where all differences are -1, 0 or 1, this is McNemar's exact test.

    Args:
        differences: by problem, in right answers.
    """
    observed, weights = abs(sum(differences)), [abs(value) for value in differences if value]
    unit = gcd(*weights) or 1
    chances = numpy.ones(1)  # of the sum of the positive ones among the problems so far
    for weight in weights:
        grown = numpy.zeros(len(chances) + weight // unit)
        grown[: len(chances)] += chances / 2
        grown[-len(chances) :] += chances / 2
        chances = grown
    sums = unit * abs(2 * numpy.arange(len(chances)) - (len(chances) - 1))
    return min(1.0, float(chances[sums >= observed].sum()))


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (S. Holm 1979), in the order given."""
    corrected, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = largest
    return corrected
