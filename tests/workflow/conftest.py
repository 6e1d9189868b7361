"""Fixtures of the workflow tests."""

import os
from pathlib import Path

import pytest

from study import FAKE_STUDY, Study


@pytest.fixture
def study(tmp_path, sandbox_image) -> Study:
    """The fake study in a folder of its own."""
    return Study(tmp_path, FAKE_STUDY)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, sandbox_image) -> Study:
    """The fake study run to its end. Several tests compare with it or copy it: look, don't touch."""
    study = Study(tmp_path_factory.mktemp("finished"), FAKE_STUDY)
    study.run()
    return study


@pytest.fixture(scope="session")
def small_model(root) -> Path:
    """Folder of the real small model, which `make model` fetches from its mirror and converts."""
    model = Path(os.environ.get("SELFALIGN_SMALL_MODEL", root / "resources/models/qwen2.5-coder-0.5b"))
    if not (model / "model.json").is_file():
        pytest.fail(f"no model in {model}: run `make model` first", pytrace=False)
    return model
