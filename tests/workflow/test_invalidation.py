"""The rerun table of docs/reruns.md, row by row: one finished study, and a dry run in a copy of it for each change."""

from pathlib import Path

import pytest

from reruns import PAGE, ROWS, Row, page
from study import Study


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.change)
def test_a_change_redoes_what_the_table_says(finished: Study, tmp_path: Path, row: Row):
    copied = finished.copy(tmp_path)
    row.edit(copied)
    assert copied.planned() == row.jobs


def test_the_page_shows_the_table():
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run `python tests/workflow/reruns.py`"
