"""Fixtures that several test folders share."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def sandbox_image() -> Path:
    """Folder of the sandbox image, which `make setup` builds."""
    folder = Path(os.environ.get("SELFALIGN_SANDBOX", ROOT / "resources" / "sandbox"))
    if not (folder / "image.json").is_file():
        pytest.fail(f"no sandbox image in {folder}: run `make containers` first", pytrace=False)
    return folder
