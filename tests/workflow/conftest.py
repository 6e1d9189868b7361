"""Fixtures of the workflow tests."""

import pytest

from study import FAKE_STUDY, Study


@pytest.fixture
def study(tmp_path, sandbox_image) -> Study:
    """The fake study in a folder of its own."""
    return Study(tmp_path, FAKE_STUDY)
