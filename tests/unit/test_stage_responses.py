"""Responses: explanation, solution and tests are told apart, and the student never sees the tests."""

from itertools import pairwise

import pytest
from generation import SETTINGS, prompts_folder, tasks

from selfalign.backends import Completion
from selfalign.stages.parsing import Rejected, code_blocks
from selfalign.stages.responses import Responses, split_response

ROW = tasks(1)[0]
SOLUTION = "def add(a, b):\n    return a + b"
TESTS = "assert add(1, 2) == 3\nassert add(0, 0) == 0"
TEXT = f"It adds them.\n\n```python\n{SOLUTION}\n```"
GOOD = f"{TEXT}\n[Tests]\n```python\n{TESTS}\n```\n\n"


@pytest.fixture
def stage(tmp_path):
    return Responses(SETTINGS["responses"], prompts_folder(tmp_path))


def parse(stage, text, finish="stop", sample=0):
    return stage.parse(ROW, sample, Completion(text, finish, 10, 0, 5))


def test_a_response_is_taken_apart(stage):
    row = parse(stage, GOOD, sample=3)
    assert (row["text"], row["solution"], row["tests"]) == (TEXT, SOLUTION, TESTS)
    assert (row["task_id"], row["seed_id"], row["sample"]) == (ROW["id"], ROW["seed_id"], 3)
    assert (row["prompt_tokens"], row["output_tokens"], row["finish_reason"]) == (10, 5, "stop")


def test_samples_with_the_same_text_have_different_ids(stage):
    assert parse(stage, GOOD, sample=0)["id"] != parse(stage, GOOD, sample=1)["id"]


@pytest.mark.parametrize(
    "answer",
    [
        GOOD.replace("[Tests]", "### Tests"),
        GOOD.replace("[Tests]", "**Tests:**"),
        GOOD.replace("[Tests]\n", ""),
        GOOD.replace("```python", "```"),
        GOOD.replace("```python", "```Python"),
        GOOD + "\nSome more words.\n",
        GOOD + "\n```text\n3\n```\n",
    ],
)
def test_small_slips_of_form_are_forgiven(answer):
    assert split_response(answer)[1:] == (SOLUTION, TESTS)


def test_a_sketch_before_the_solution_stays_in_the_text():
    answer = "Like so:\n\n```python\nadd(1, 2)\n```\n\n" + GOOD
    text, solution, tests = split_response(answer)
    assert (solution, tests) == (SOLUTION, TESTS)
    assert text.startswith("Like so:") and text.endswith(f"{SOLUTION}\n```")


def test_an_answer_is_complete_once_its_tests_are_closed(stage):
    assert parse(stage, GOOD + "and on and on", "length")["tests"] == TESTS


@pytest.mark.parametrize(
    ("answer", "finish", "reason"),
    [
        ("", "stop", "empty"),
        (TEXT, "length", "truncated"),
        (GOOD[:-6], "length", "truncated"),
        ("words " * 50, "length", "truncated"),
        ("Just words.", "stop", "no_solution"),
        ("```text\nnot code\n```", "stop", "no_solution"),
        (f"[Tests]\n```python\n{TESTS}\n```", "stop", "no_solution"),
        (TEXT, "stop", "no_tests"),
        (TEXT + "\n[Tests]\nassert add(1, 2) == 3\n", "stop", "no_tests"),
        (TEXT + "\n[Tests]\n```python\n```", "stop", "no_tests"),
        (GOOD[:-6], "stop", "unclosed_fence"),
        (TEXT[:-3], "stop", "unclosed_fence"),
        (GOOD.replace("return a + b", "# your code here"), "stop", "unfinished"),
        (GOOD.replace("return a + b", "pass"), "stop", "unfinished"),
        (GOOD.replace("return a + b", "..."), "stop", "unfinished"),
        (GOOD.replace("return a + b", 'raise NotImplementedError("later")'), "stop", "unfinished"),
        (GOOD.replace(SOLUTION, "# ..."), "stop", "unfinished"),
        (GOOD.replace(SOLUTION, ""), "stop", "unfinished"),
        (GOOD.replace("a + b", "'\ud83d'"), "stop", "invalid_unicode"),
    ],
)
def test_bad_answers_are_rejected(stage, answer, finish, reason):
    result = parse(stage, answer, finish)
    assert isinstance(result, Rejected) and result.reason == reason


def test_abstract_methods_and_ellipses_are_no_placeholders():
    solution = "class Shape:\n    def area(self):\n        raise NotImplementedError\n\nclass Square(Shape):\n    def area(self):\n        return 1"
    assert split_response(GOOD.replace(SOLUTION, solution))[1] == solution
    solution = "def tail(a):\n    return a[..., -1]  # the last one"
    assert split_response(GOOD.replace(SOLUTION, solution))[1] == solution


def test_code_that_makes_the_parser_give_up_is_left_to_the_sandbox():
    solution = "(" * 5000
    assert split_response(GOOD.replace(SOLUTION, solution))[1] == solution


@pytest.mark.parametrize("fence", ["```", "````", "```python", "~~~", "``"])
def test_blocks_of_any_text_cover_no_line_twice(fence):
    text = f"a\n{fence}\nb\n```\n{fence}\nc"
    blocks = code_blocks(text)
    spans = [(block.start, block.end) for block in blocks]
    assert all(first[1] <= second[0] for first, second in pairwise(spans))
    assert all(block.closed for block in blocks[:-1])


def test_the_prompt_ends_where_the_answer_begins(stage):
    prompt = stage.prompt(ROW)
    assert prompt.text.endswith(f"[Task]\n{ROW['instruction']}\n[Answer]\n")
