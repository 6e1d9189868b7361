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
from selfalign.stages.parsing import Rejected, invalid_unicode, similarity

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


@given(st.text(), st.text())
def test_similarity_is_symmetric_and_one_for_the_same(one, other):
    assert similarity(one, one) == 1.0
    assert similarity(one, other) == similarity(other, one)
    assert 0.0 <= similarity(one, other) <= 1.0
