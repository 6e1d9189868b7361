"""Fixtures that several test folders share."""

import os
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]

# A shell makes what it starts in the background ignore SIGINT, and every process of a test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
