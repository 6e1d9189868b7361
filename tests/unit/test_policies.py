"""What each selection policy takes, and that the draw depends on ids alone."""

import json
import random
from pathlib import Path

import pytest
import yaml

from selfalign.datasets.policies import POLICIES, draw_one

PASSED = [({"id": f"p{number}"}, {"passed": True}) for number in range(3)]
FAILED = [({"id": f"f{number}"}, {"passed": False}) for number in range(3)]


@pytest.mark.parametrize(
    ("policy", "mixed", "passed", "failed"),
    [
        ("passing", PASSED, PASSED, []),
        ("failing", FAILED, [], FAILED),
        ("random", PASSED + FAILED, PASSED, FAILED),
        ("any", PASSED, PASSED, FAILED),
    ],
)
def test_which_responses_qualify(policy, mixed, passed, failed):
    def qualified(candidates):
        return sorted(json.dumps(candidate) for candidate in POLICIES[policy](candidates))

    def expected(candidates):
        return sorted(json.dumps(candidate) for candidate in candidates)

    assert qualified(PASSED + FAILED) == expected(mixed)
    assert qualified(PASSED) == expected(passed)
    assert qualified(FAILED) == expected(failed)
    assert qualified([]) == []


def test_the_draw_ignores_the_order_and_is_none_among_none():
    candidates = PASSED + FAILED
    for seed in range(20):
        shuffled = random.Random(seed).sample(candidates, len(candidates))
        assert draw_one(shuffled) == draw_one(candidates)
    assert draw_one([]) is None


def test_the_draw_is_even():
    """Sample 0 of 4 is drawn for a quarter of the tasks: neither the first nor the verdict is favoured."""
    tasks = [[({"id": f"{task}-{sample}"}, {"passed": sample == 0}) for sample in range(4)] for task in range(2000)]
    share = sum(draw_one(POLICIES["random"](task))[1]["passed"] for task in tasks) / len(tasks)
    assert 0.21 < share < 0.29


def test_a_further_sample_changes_the_draw_only_to_itself():
    for task in range(200):
        candidates = [({"id": f"{task}-{sample}"}, {"passed": True}) for sample in range(5)]
        assert draw_one(candidates) in (draw_one(candidates[:4]), candidates[4])


def test_the_schema_names_exactly_the_policies():
    schema = yaml.safe_load((Path(__file__).parents[2] / "schemas" / "config.schema.yaml").read_text())
    assert sorted(schema["$defs"]["dataset"]["properties"]["policy"]["enum"]) == sorted(POLICIES)
