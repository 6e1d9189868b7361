"""Answers in four sections: what is taken, what is shown to a student, and what is dropped."""

import pytest
import yaml
from generation import SETTINGS, prompts_folder, tasks

from selfalign.backends import Completion
from selfalign.config import resolve_config
from selfalign.fewshots import example_files
from selfalign.methods.starcoder2_instruct import EXAMPLES, SectionedResponses, split_sections, without_comments
from selfalign.reasons import REASONS
from selfalign.stages.parsing import Rejected

CODE = "def add(a, b):\n    # both numbers\n    return a + b  # the sum"
GOOD = (
    f"Add them.\n[Implementation]\n```python\n{CODE}\n```\n[Explanation]\nOne sum.\n"
    "[Tests]\n```python\nassert add(1, 2) == 3\n```\n"
)
ROW = tasks(1)[0]


@pytest.fixture
def stage(tmp_path):
    return SectionedResponses(SETTINGS["responses"], prompts_folder(tmp_path))


def parse(stage, text, finish="stop", sample=0):
    return stage.parse(ROW, sample, Completion(text, finish, 10, 0, 5))


def test_sections_are_taken_apart(stage):
    row = parse(stage, GOOD)
    assert row["tests"] == "assert add(1, 2) == 3"
    assert row["solution"] == "def add(a, b):\n    return a + b  # the sum"
    assert row["solution"] in row["text"] and "assert" not in row["text"] and "[" not in row["text"]


def test_reasoning_and_explanation_are_each_in_half_of_the_pairs(stage):
    texts = [parse(stage, GOOD, sample=number)["text"] for number in range(200)]
    kinds = {(text.startswith("Add them."), text.endswith("One sum.")) for text in texts}
    assert len(kinds) == 4
    for part in ("Add them.", "One sum."):
        assert 70 < sum(part in text for text in texts) < 130
    assert texts == [parse(stage, GOOD, sample=number)["text"] for number in range(200)]


@pytest.mark.parametrize(
    ("more", "shown"),
    [("", False), ("Return the latest one.", False), ("Test it.", True), ("Write unittests for it.", True)],
)
def test_a_task_that_asks_for_tests_is_answered_with_them(stage, more, shown):
    row = {**ROW, "instruction": f"{ROW['instruction']} {more}"}
    for sample in range(8):
        text = stage.parse(row, sample, Completion(GOOD, "stop", 10, 0, 5))["text"]
        assert text.endswith("```python\nassert add(1, 2) == 3\n```") == shown and ("assert" in text) == shown


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        (GOOD.replace("[Explanation]", "Explanation"), "stop", "malformed"),
        (GOOD + "[Tests]\n", "stop", "malformed"),
        (GOOD.replace("[Explanation]\nOne sum.\n", "").replace("Add", "[Explanation]\nAdd"), "stop", "malformed"),
        (GOOD + "```python\nassert add(0, 0) == 0\n```\n", "stop", "malformed"),
        (GOOD.replace(CODE, "def add(a, b):\n    pass"), "stop", "unfinished"),
        (GOOD.replace(f"```python\n{CODE}\n```", "none"), "stop", "no_solution"),
        (GOOD.replace("```python\nassert add(1, 2) == 3\n```", "none"), "stop", "no_tests"),
        (GOOD.removesuffix("```\n"), "stop", "unclosed_fence"),
        (GOOD[:60], "length", "truncated"),
        ("", "stop", "empty"),
    ],
)
def test_other_answers_are_dropped(stage, text, finish, reason):
    parsed = parse(stage, text, finish)
    found = parsed.reason if isinstance(parsed, Rejected) else ""
    assert found == reason and (not found or found in REASONS["responses"])


def test_only_lines_of_comment_are_cut():
    code = 'x = """\n# no comment\n"""\n  # odd\ny = 1  # stays\n# gone'
    assert without_comments(code) == 'x = """\n# no comment\n"""\ny = 1  # stays'
    assert without_comments("def f(:\n    # kept") == "def f(:\n    # kept"


def test_the_prompt_ends_with_the_first_section(stage):
    assert stage.prompt(ROW).text.endswith(f"[Task]\n{ROW['instruction']}\n[Reasoning]\n")
    assert isinstance(split_sections("no sections"), Rejected)


def test_the_pool_has_16_examples_and_tasks_are_functions(root):
    config = yaml.safe_load((root / "config.yaml").read_text())
    config["generators"]["x"] = {"method": "starcoder2-instruct", "model": next(iter(config["models"]))}
    generator = resolve_config(config)["generators"]["x"]
    assert len(example_files(generator["responses"]["examples"])) == len(EXAMPLES) == 16
    assert generator["tasks"]["categories"] == {"function": 1, "class": 0, "program": 0}
