"""Whatever a model writes, a parser gives a row or a reason from the fixed list, and never an exception."""

import json

import pytest
from generation import ROWS, SETTINGS, prompts_folder
from hypothesis import given
from hypothesis import strategies as st

from selfalign.backends import Completion
from selfalign.io import dumps
from selfalign.reasons import REASONS
from selfalign.stages import open_stage
from selfalign.stages.parsing import (
    Rejected,
    invalid_unicode,
    refusal,
    similarity,
    without_boilerplate,
    without_thoughts,
)

PIECES = [
    "```python\n",
    "```\n",
    "[Tests]\n",
    "[Task]\n",
    "def f(a):\n",
    "    return a\n",
    "assert f(1) == 1\n",
    "...\n",
]
PIECES += [
    "# your code here\n",
    "sorting, ",
    "\n\n",
    "\ufffd",
    "\x00",
    "\udc80",
    "(",
    '"""',
    "Category: x\n",
    "- ",
    "é",
    "\\",
]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
COMPLETIONS = st.builds(
    Completion, text=TEXTS, finish_reason=st.sampled_from(["stop", "length", "abort"]), output_tokens=st.integers(0, 9)
)


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    folder = prompts_folder(tmp_path_factory.mktemp("prompts"))
    return {name: open_stage(name, SETTINGS[name], {}, None, folder) for name in ROWS}


@pytest.mark.parametrize("name", sorted(ROWS))
@given(completion=COMPLETIONS)
def test_any_answer_is_a_row_or_a_known_reason(stages, name, completion):
    row = ROWS[name](1)[0]
    result = stages[name].parse(row, 0, completion)
    if isinstance(result, Rejected):
        assert result.reason in REASONS[name]
    else:
        assert json.loads(dumps(result)) == result
        dumps(result).encode("utf-8")
        assert not any(invalid_unicode(value) for value in result.values() if isinstance(value, str))
        assert result == stages[name].parse(row, 0, completion)


TASK = "Write a function `f(x: int)` that greets: it prints Hello!"


@pytest.mark.parametrize(
    "opening",
    [
        "Sure! Here is a new exercise: ",
        "Sure, here's the rewritten task:\n\n",
        "Certainly. ",
        "Certainly! I'd be happy to help.\nHere\u2019s the new version:\n",
        "Of course! I\u2019d be glad to do that! ",
        "Here is the evolved prompt: ",
        "Here are two functions `g(a: int)` to begin with:\n",
        "Below is a harder version of the task:\n",
        "OK.\nGreat!\n",
        "Sure thing: ",
        "",
    ],
)
@pytest.mark.parametrize(
    "closing",
    [
        "\n\nLet me know if you have questions!",
        " I hope this helps!\n",
        "\nGood luck!",
        "\nFeel free to ask for another one. Happy coding!",
        "\n\nWould you like me to solve it too?",
        "\nIf you need any further help, please let me know.",
        "",
    ],
)
def test_pleasantries_around_a_text_are_cut_inside_a_line_too(opening, closing):
    assert without_boilerplate(opening + TASK + closing).strip() == TASK


@pytest.mark.parametrize(
    "text",
    [
        "Great Expectations index:\nBuild an index of the words of a novel.",
        "Okay numbers are even. Write a function that counts them:\n- one",
        "Here is a list of words: a, b and c. Sort it.",
        "Absolute paths: write a function that joins them.",
        "Write a function. Feel free to use any library.",
        "Write a function that returns a pair. If you have more than one, return the first.",
        "Print the line 'Let me know if you can hear me.'",
        "Surely a list:\nSort it.",
        "Certain lists:\nSort them.",
    ],
)
def test_a_task_that_only_looks_like_pleasantries_stays_whole(text):
    assert without_boilerplate(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "I must decline to write exercises about this subject.",
        "I must respectfully decline.",
        "My apologies, but I cannot rewrite this prompt into a more difficult version.",
        "I'm not comfortable with making this exercise any harder than it is.",
        "I\u2019m not comfortable with that.",
        "I cannot in good conscience write such a task for a student.",
        "I don't feel comfortable with this request.",
        "I won't be able to do that.",
        "I'm sorry, but I can't help with that.",
    ],
)
def test_refusals_are_known(text):
    assert refusal(text)


@pytest.mark.parametrize(
    "text",
    ["I must be able to sort a list.", "My apologies letter: write a function that prints one.", "I can sort a list."],
)
def test_a_task_in_the_first_person_is_no_refusal(text):
    assert not refusal(text)


@given(st.text(), st.text())
def test_similarity_is_symmetric_and_one_for_the_same(one, other):
    assert similarity(one, one) == 1.0
    assert similarity(one, other) == similarity(other, one)
    assert 0.0 <= similarity(one, other) <= 1.0


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>\nHm, `</b>`.\n</think>\n\nIt adds.", "It adds."),
        ("\n<thinking>a</thinking> It adds.", "It adds."),
        ("The template has opened it.\n</think>\nIt adds.", "It adds."),
        (
            "It drops <think>a</think> from a text.\n\n    </think>\n",
            "It drops <think>a</think> from a text.\n\n    </think>\n",
        ),
        ("text.split('</think>')", "text.split('</think>')"),
        ("<think>\ncut off", "<think>\ncut off"),
    ],
)
def test_what_a_model_thought_before_its_answer_is_no_part_of_it(text, answer):
    assert without_thoughts(text) == answer
