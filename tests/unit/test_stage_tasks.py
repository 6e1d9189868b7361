"""Tasks: drawn properties, and the filters that spare the cost of answering a bad task."""

from collections import Counter

import pytest
from generation import EXAMPLES, SETTINGS, concepts, prompts_folder

from selfalign.backends import Completion
from selfalign.stages.parsing import Rejected
from selfalign.stages.tasks import Tasks, shown_solution

ROW = concepts(1)[0]
GOOD = "Write a Python function `total(prices)` that returns the sum of all prices above ten."


@pytest.fixture
def stage(tmp_path):
    return Tasks(SETTINGS["tasks"], prompts_folder(tmp_path))


def parse(stage, text, finish="stop", row=ROW):
    return stage.parse(row, 0, Completion(text, finish, 10, 0, 5))


def test_a_task_carries_its_properties_and_its_line_of_descent(stage):
    row = parse(stage, f"{GOOD}\n\n")
    assert row["instruction"] == GOOD
    assert row["category"] in ("function", "class") and row["difficulty"] in ("easy", "hard")
    assert (row["seed_id"], row["concepts_id"], row["concepts"]) == (ROW["seed_id"], ROW["id"], ROW["concepts"])
    assert row["language"] == "python"


def test_the_prompt_asks_for_the_properties_that_the_row_records(stage):
    for row in concepts(12):
        stored, query = parse(stage, GOOD, row=row), stage.prompt(row).text.rsplit("[Properties]", 1)[1]
        assert f"category: write a {stored['category']}\n" in query
        assert f"difficulty: {stored['difficulty']}\n" in query
        assert "concepts: sums, loops\n" in query
        assert query.endswith("[Task]\n")


def test_properties_follow_their_weights_and_ids_alone(stage):
    rows = concepts(900)
    drawn = Counter(stage.properties(row)["category"] for row in rows)
    assert 1.6 < drawn["function"] / drawn["class"] < 2.5
    assert [stage.properties(row) for row in rows[100:]] == [stage.properties(row) for row in rows][100:]


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        ("", "stop", "empty"),
        (GOOD, "length", "truncated"),
        ("Write a function.", "stop", "too_short"),
        ("Write a function that adds " + "one " * 200, "stop", "too_long"),
        (GOOD + "\ncategory: function", "stop", "prompt_leakage"),
        (GOOD + "\n[Answer]\nIt sums.", "stop", "prompt_leakage"),
        (GOOD + "\n**Concepts:** sums", "stop", "prompt_leakage"),
        (EXAMPLES["alpha"]["task"], "stop", "copies_example"),
        (EXAMPLES["delta"]["task"].upper(), "stop", "copies_example"),
        (GOOD + "\n\n```python\ndef total(prices):\n    return sum(prices)\n```", "stop", "contains_solution"),
        (GOOD + "\ndef total(prices):\n    return sum(prices)", "stop", "contains_solution"),
        (GOOD + "\nSolution:\nuse sum", "stop", "contains_solution"),
        (GOOD + " \ud800", "stop", "invalid_unicode"),
    ],
)
def test_bad_tasks_are_rejected(stage, text, finish, reason):
    answer = parse(stage, text, finish)
    assert isinstance(answer, Rejected) and answer.reason == reason


@pytest.mark.parametrize(
    "text",
    [
        GOOD + " For example, `total([5, 20])` returns 20.",
        GOOD + "\n\n```python\ntotal([5, 20])  # 20\n```",
        GOOD + "\n\n```python\ndef total(prices: list[int]) -> int:\n    ...\n```",
        GOOD + '\n\n```python\ndef total(prices):\n    """Sum."""\n    pass\n```',
        GOOD + "\nThe solution has to be a single function, and the answer is a number.",
        GOOD.replace("Python function", "Python `class` or `def`"),
        GOOD + "\n\n```\nnot (python\n```",
    ],
)
def test_signatures_calls_and_plain_words_are_no_solution(stage, text):
    assert shown_solution(text) == ""
    assert parse(stage, text)["instruction"] == text
