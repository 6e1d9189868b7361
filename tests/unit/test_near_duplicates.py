"""Near-duplicates: the verified similarity, the recall of the candidates, and that no short row is lost."""

import itertools
import random

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfalign.near_duplicates import WANTED_RECALL, NearDuplicates, bands, exact_key, jaccard, shingles


def true_jaccard(first: str, second: str, size: int) -> float:
    def runs(text):
        words = text.lower().split()
        return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)} or {tuple(sorted(set(words)))}

    return len(runs(first) & runs(second)) / len(runs(first) | runs(second))


WORDS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=30).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(WORDS, WORDS, st.integers(1, 6))
def test_the_similarity_is_the_true_one(first, second, size):
    assert jaccard(shingles(first, size), shingles(second, size)) == pytest.approx(true_jaccard(first, second, size))


def test_the_decision_is_at_the_threshold():
    near = NearDuplicates(threshold=0.5, permutations=128, shingle=1)
    assert near.add("a", "one two three") is None
    assert near.add("b", "one two four") == ("a", 0.5)
    assert near.add("c", "one four five") is None
    assert len(near) == 2


def test_the_most_similar_row_is_named():
    near = NearDuplicates(threshold=0.3, permutations=128, shingle=1)
    assert near.add("far", "a b c d e f g x1 x2 x3 x4 x5 x6 x7 x8 x9 x10 x11 x12 x13") is None
    assert near.add("close", "a b c d e f g h i j y1 y2 y3 y4") is None
    assert near.add("row", "a b c d e f g h i j")[0] == "close"


def test_short_rows_are_compared_as_sets_and_kept():
    near = NearDuplicates(threshold=0.5, permutations=128, shingle=5)
    assert near.add("a", "sort list") is None
    assert near.add("b", "list sort!") == ("a", 1.0)
    assert near.add("c", "reverse list") is None
    assert near.add("d", "+++") is None
    assert near.add("e", "---") is None
    assert near.add("f", "") is None
    assert near.add("g", " \n") == ("f", 1.0)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.9, 1.0])
def test_the_index_is_made_for_the_threshold(threshold):
    count, rows = bands(threshold, 128)
    assert count * rows <= 128
    assert 1 - (1 - threshold**rows) ** count >= WANTED_RECALL


def test_nearly_all_true_pairs_are_found():
    draw = random.Random(7)
    base = [[f"w{draw.randrange(5000)}" for _ in range(120)] for _ in range(300)]
    missed = total = 0
    for words in base:
        near = NearDuplicates(threshold=0.5, permutations=128, shingle=3)
        near.add("kept", " ".join(words))
        changed = list(words)
        for position in draw.sample(range(120), 9):
            changed[position] = "changed"
        if true_jaccard(" ".join(words), " ".join(changed), 3) >= 0.5:
            total += 1
            missed += near.add("new", " ".join(changed)) is None
    assert total > 200
    assert missed / total <= 0.02


def test_survivors_are_those_of_a_full_comparison():
    draw = random.Random(3)
    base = [[f"w{draw.randrange(50)}" for _ in range(12)] for _ in range(30)]
    texts = {}
    for number in range(150):
        words = list(draw.choice(base))
        for position in draw.sample(range(12), draw.randrange(4)):
            words[position] = "changed"
        texts[f"{number:03}"] = " ".join(words)
    kept: list[str] = []
    for name, text in texts.items():
        if all(true_jaccard(text, texts[other], 2) < 0.6 for other in kept):
            kept.append(name)
    near = NearDuplicates(threshold=0.6, permutations=256, shingle=2)
    found = [name for name, text in texts.items() if near.add(name, text) is None]
    assert len(set(found) ^ set(kept)) <= 2
    assert 30 < len(kept) < 140


def test_exact_keys():
    assert exact_key("def f(x):\n\treturn x") == exact_key("def f( x ):\n    return x\n")
    assert exact_key("Sort A list") != exact_key("sort a list")
    assert exact_key("Sort A list", ignore_case=True) == exact_key("sort  a LIST", ignore_case=True)
    assert exact_key("a\ud800") != exact_key("a")


def test_shingles_are_sorted_and_unique():
    found = shingles("a b a b a b c", 2)
    assert found.dtype == numpy.uint64
    assert all(first < second for first, second in itertools.pairwise(found.tolist()))
    assert found.size == 3
