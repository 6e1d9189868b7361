"""Evolution of tasks: operators, elimination, and lineages over rounds."""

import pytest
from generation import SAMPLING, prompts_folder, tasks

from selfalign.backends import Completion
from selfalign.methods.evol_instruct import OPERATORS, Evolution
from selfalign.reasons import REASONS
from selfalign.stages.parsing import Rejected

SETTINGS = {
    "fewshots": 2, "prefixes": 2, "min_words": 8, "max_words": 60, "round": 1, "min_new_words": 4, **SAMPLING,
    "operators": dict.fromkeys(OPERATORS, 1),
}  # fmt: skip
ROW = {
    **tasks(1)[0],
    "concepts_id": "c",
    "category": "function",
    "concepts": ["sums"],
    "language": "python",
    "instruction": "Write a function `total(prices)` that returns the sum of a list of all prices.",
}
HARDER = f"{ROW['instruction']} Prices below zero are errors: raise a ValueError that names the first one of them."


@pytest.fixture
def folder(tmp_path):
    return prompts_folder(tmp_path)


def evolve(folder, text, finish="stop", row=ROW, **settings):
    return Evolution({**SETTINGS, **settings}, folder).parse(row, 0, Completion(text, finish, 10, 0, 5))


@pytest.mark.parametrize("operator", OPERATORS)
def test_each_operator_has_a_prompt_of_its_own(folder, operator):
    stage = Evolution({**SETTINGS, "operators": {operator: 1}}, folder)
    prompt = stage.prompt(ROW)
    change = stage.fields(ROW)["change"]
    assert change and prompt.prefix.count(change) == 2 and prompt.text.startswith(prompt.prefix)
    assert prompt.text.endswith(f"[Task]\n{ROW['instruction']}\n[Change]\n{change}\n[Task]\n")
    assert f"/{operator}/" in prompt.prompt_id and "\n\n\n" not in prompt.text
    chat = Evolution(
        {**SETTINGS, "operators": {operator: 1}, "style": "chat"}, folder, {"endpoint": {"api": "chat"}}
    ).prompt(ROW)
    assert change in chat.text and ROW["instruction"] in chat.text and chat.prefix == ""


def test_operators_differ_in_what_they_show(folder):
    stages = [Evolution({**SETTINGS, "operators": {operator: 1}}, folder) for operator in OPERATORS]
    assert len({stage.prompt(ROW).prefix for stage in stages}) == len({stage.group(ROW) for stage in stages}) == 5


def test_the_operator_is_drawn_by_task_and_round(folder):
    rows = [{"id": f"{number:020x}"} for number in range(200)]
    first, second = ([Evolution({**SETTINGS, "round": n}, folder).operator(row) for row in rows] for n in (1, 2))
    assert set(first) == set(OPERATORS) and first != second
    assert first == [Evolution(SETTINGS, folder).operator(row) for row in rows]


def test_a_deeper_task_keeps_what_it_is_about(folder):
    row = evolve(folder, f"Sure, here it is:\n{HARDER}", operators={"constrain": 1})
    assert row["instruction"] == HARDER and row["evolved_from"] == [ROW["id"]] and row["round"] == 1
    assert (row["seed_id"], row["category"], row["concepts"]) == (ROW["seed_id"], ROW["category"], ROW["concepts"])


def test_a_broader_task_does_not(folder):
    other = "Write a function `mode(values)` that returns the value which occurs most often in a list of numbers."
    row = evolve(folder, other, operators={"broaden": 1})
    assert (row["category"], row["concepts"], row["concepts_id"]) == ("unstated", [], None)


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        (ROW["instruction"], "stop", "no_gain"),
        (ROW["instruction"] + " Really.", "stop", "no_gain"),
        ("The, of and to. It is! ...", "stop", "only_stop_words"),
        (f"Here is the rewritten instruction. {HARDER}", "stop", "prompt_leakage"),
        (f"{HARDER}\n[Change]\nMore.", "stop", "prompt_leakage"),
        (f"{HARDER}\n\n```python\ndef total(prices):\n    return sum(prices)\n```", "stop", "contains_solution"),
        ("I'm sorry, I can't do that.", "stop", "refused"),
        ("Write less.", "stop", "too_short"),
        (HARDER + " And another requirement comes on top of all that." * 9, "stop", "too_long"),
        (HARDER, "length", "truncated"),
        ("", "stop", "empty"),
    ],
)
def test_failures_are_eliminated_with_a_reason(folder, text, finish, reason):
    parsed = evolve(folder, text, finish)
    assert isinstance(parsed, Rejected) and parsed.reason == reason and reason in REASONS["evolved"]


def test_code_that_the_task_shows_already_is_no_solution(folder):
    """As in the tasks of commits, which ask for a change of the code that they show."""
    code = "```python\ndef total(prices):\n    return sum(prices)\n```"
    row = {**ROW, "instruction": f"Add a discount to the sum\n\n{code}"}
    deeper = f"Add a discount to the sum, and raise a ValueError naming negative prices first.\n\n{code}"
    assert evolve(folder, deeper, row=row, operators={"constrain": 1})["instruction"] == deeper
    solved = deeper.replace("return sum(prices)", "return 0.9 * sum(prices)")
    assert evolve(folder, solved, row=row, operators={"constrain": 1}).reason == "contains_solution"


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_copy_of_a_shown_task_is_no_evolution(folder, operator):
    stage = Evolution({**SETTINGS, "operators": {operator: 1}, "max_words": 99}, folder)
    shown = stage._shown(ROW)
    assert len(shown) == 4
    for text in shown:
        assert stage.parse(ROW, 0, Completion(text, "stop", 1, 0, 1)).reason == "copies_example"


def test_every_round_goes_on_from_the_latest_version(folder):
    begun = [{"id": name} for name in "abc"]
    first = [{"id": "a1", "evolved_from": ["a"]}, {"id": "c1", "evolved_from": ["c"]}]
    second = [{"id": "a2", "evolved_from": ["a", "a1"]}]
    stage = Evolution({**SETTINGS, "round": 3}, folder)
    assert [row["id"] for row in stage.select(begun + first + second)] == ["a2", "b", "c1"]
    later = {**ROW, "id": "a2", "evolved_from": ["a", "a1"]}
    assert evolve(folder, HARDER, row=later)["evolved_from"] == ["a", "a1", "a2"]
